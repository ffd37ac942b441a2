"""Write the files beside this one as exporters do.

Needs torch, onnxscript, transformers, scikit-learn and skl2onnx.

Weights are random, of a fixed seed; `python export.py` in this folder. Made with torch 2.14 (opset 20, by
the exporter that traces and by the one on TorchDynamo), transformers 5.24 and skl2onnx 1.20.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier
from torch import nn
from torch.nn import functional as f
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)


class Residual(nn.Module):
    """Convolutions with batch normalisation, a strided shortcut, a pooling of all."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4)
        self.a, self.b = nn.Conv2d(4, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1)
        self.first, self.second = nn.BatchNorm2d(8), nn.BatchNorm2d(8)
        self.short, self.head = nn.Conv2d(4, 8, 1, 2), nn.Linear(8, 3)

    def forward(self, x):
        x = f.max_pool2d(f.relu(self.norm(self.stem(x))), 3, 2, 1)
        y = self.second(self.b(f.relu(self.first(self.a(x)))))
        x = f.relu(y + self.short(x))
        return self.head(torch.flatten(f.adaptive_avg_pool2d(x, 1), 1))


class Mobile(nn.Module):
    """Depthwise convolutions, ReLU6, hard swish, squeeze and excitation, SiLU."""

    def __init__(self):
        super().__init__()
        self.stem, self.deep = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1, groups=8)
        self.down, self.up = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.mix, self.head = nn.Conv2d(8, 6, 1), nn.Linear(6, 3)

    def forward(self, x):
        x = f.relu6(self.deep(f.hardswish(self.stem(x))))
        gate = f.silu(self.down(x.mean((2, 3), keepdim=True)))
        x = f.silu(self.mix(x * f.hardsigmoid(self.up(gate))))
        return self.head(x.mean((2, 3)))


class Segmenter(nn.Module):
    """Down and up again with a join: a small U-Net."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3, 1, 1), nn.Conv2d(4, 8, 3, 1, 1)
        self.up, self.c = nn.ConvTranspose2d(8, 4, 2, 2), nn.Conv2d(8, 2, 3, 1, 1)

    def forward(self, x):
        a = f.relu(self.a(x))
        b = f.relu(self.b(f.max_pool2d(a, 2)))
        wide = f.interpolate(self.up(f.max_pool2d(b, 2)), scale_factor=2, mode="nearest")
        return self.c(torch.cat([a, wide], 1))


class Encoder(nn.Module):
    """A transformer layer on embedded tokens, positions added, the first token classified."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, activation="gelu", batch_first=True)
        self.head, self.places = nn.Linear(16, 3), nn.Parameter(torch.randn(1, 6, 16) * 0.1)

    def forward(self, x):
        return self.head(torch.tanh(self.layer(x + self.places)[:, 0]))


class Decoder(nn.Module):
    """Causal attention and a gated block, normalisations first."""

    def __init__(self):
        super().__init__()
        self.heads, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.norm, self.last = nn.LayerNorm(16), nn.LayerNorm(16)
        self.wide, self.gate, self.back = nn.Linear(16, 32), nn.Linear(16, 32), nn.Linear(32, 16)

    def forward(self, x):
        q, k, v = self.heads(self.norm(x)).reshape(-1, 6, 3, 4, 4).permute(2, 0, 3, 1, 4)
        y = f.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(-1, 6, 16))
        y = self.last(x)
        return (x + self.back(f.silu(self.gate(y)) * self.wide(y)))[:, -1]


IMAGE, ROWS = torch.randn(1, 3, 16, 16), torch.randn(1, 6, 16)
for name, net, x in (
    ("residual", Residual(), IMAGE),
    ("mobile", Mobile(), IMAGE),
    ("segmenter", Segmenter(), IMAGE),
    ("encoder", Encoder(), ROWS),
    ("decoder", Decoder(), ROWS),
):
    net(x.repeat(4, 1, 1, 1) if x.ndim == 4 else x)  # batch normalisation has seen something
    net.eval()
    names = {"input_names": ["x"], "output_names": ["y"]}
    torch.onnx.export(net, (x,), f"{name}_traced.onnx", dynamo=False, dynamic_axes={"x": {0: "N"}}, **names)
    torch.onnx.export(net, (x,), f"{name}_dynamo.onnx", dynamo=True, external_data=False, **names)


class Read(nn.Module):
    """A published architecture at a small width, reading tokens: its logits, those of the last place."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        more = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        logits = self.net(input_ids=input_ids, attention_mask=attention_mask, **more).logits
        return logits[:, -1] if logits.ndim == 3 else logits


torch.manual_seed(0)
SMALL = {
    "bert": BertForSequenceClassification(
        BertConfig(
            vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
            max_position_embeddings=12, num_labels=3, initializer_range=0.3,
        )
    ),
    "gpt2": GPT2LMHeadModel(
        GPT2Config(
            vocab_size=40, n_positions=12, n_embd=16, n_layer=2, n_head=2, use_cache=False,
            initializer_range=0.3,
        )
    ),
}  # fmt: skip
TOKENS, ONES = torch.randint(0, 40, (1, 6)), torch.ones(1, 6, dtype=torch.int64)
for name, net in SMALL.items():
    given = {"input_ids": TOKENS, "attention_mask": ONES}
    given |= {"token_type_ids": torch.zeros_like(ONES)} if name == "bert" else {}
    names = {"input_names": [*given], "output_names": ["y"]}
    for how, attention in (("traced", "eager"), ("dynamo", "sdpa")):
        net.set_attn_implementation(attention)
        more = {"external_data": False} if how == "dynamo" else {}
        if how == "traced":
            more["dynamic_axes"] = {one: {0: "N"} for one in given}
        torch.onnx.export(
            Read(net).eval(),
            (*given.values(),),
            f"{name}_{how}.onnx",
            dynamo=how == "dynamo",
            **more,
            **names,
        )

for path in Path().glob("*.onnx"):  # without where this ran, and what it looked like
    model = onnx.load(path)
    for one in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.value_info):
        one.ClearField("metadata_props")
        one.ClearField("doc_string")
    onnx.save(model, path)

table, classes = load_iris(return_X_y=True)
perceptron = MLPClassifier((8,), max_iter=400, random_state=0).fit(table / 8, classes)
graph = to_onnx(perceptron, table[:1].astype(np.float32), options={"zipmap": False})
Path("perceptron.onnx").write_bytes(graph.SerializeToString())
