"""The tables of a training scenario."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from scenarios.data import DataSettings
from scenarios.networks import ModelSettings
from scenarios.settings import SecureSettings

_Whole = Annotated[int, Field(strict=True)]
_Count = Annotated[_Whole, Field(ge=0)]


class TrainingSettings(BaseModel):
    """The `[training]` table: hyperparameters, which are public, and what is revealed.

    The paper's own (its table 4) are not in the text that we have; these are ours.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: Annotated[_Whole, Field(ge=1)] = Field(
        default=15, description="how often every training image is gone through"
    )
    batch: Annotated[_Whole, Field(ge=1)] = Field(default=32, description="images of a step")
    max_steps: Annotated[_Count, Field(description="steps in all; 0: no limit")] = 0
    loss: Literal["softmax", "sigmoid"] = Field(
        default="softmax", description="cross entropy over classes, or of each output by itself"
    )
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=0.01, description="learning rate of the first step"
    )
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.9, description="how much of its last step the optimiser keeps; 0: plain SGD"
    )
    decay: Annotated[float, Field(ge=0, lt=1, description="of kernels, not of biases")] = 0.0
    schedule: Literal["constant", "cosine", "step"] = Field(
        default="constant",
        description="cosine: half a cosine down to zero; step: times `factor` every `step_epochs`",
    )
    step_epochs: Annotated[_Whole, Field(ge=1)] = Field(
        default=10, description="schedule = step: epochs of one rate"
    )
    factor: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.1, description="schedule = step: what the rate is multiplied by"
    )
    initial: Literal["he", "glorot"] = Field(
        default="he", description="first weights, uniform, known to nobody; model.weights replaces them"
    )
    shuffle: bool = Field(default=True, description="a new public order of the images in every epoch")
    reveal: Literal["batch", "epoch", "never"] = Field(
        default="epoch", description="when the first hospital learns loss and accuracy; nobody else does"
    )
    test: _Count = Field(default=0, description="test images to classify on shares after every epoch")
    twin: Literal["both", "fixed", "float", "none"] = Field(
        default="both", description="which plaintext twins to train beside, for comparison"
    )
    follow: _Count = Field(default=20, description="first steps whose weights are held to the twin's")
    check_range: bool = Field(
        default=True, description="stop where a layer's sums leave the fixed-point range (simulator only)"
    )

    def rate_at(self, step: int, epoch: int, steps: int) -> float:
        """Return the learning rate of a step, both counted from 0, of `steps` in all."""
        if self.schedule == "cosine":
            return self.rate * 0.5 * (1 + math.cos(math.pi * step / steps))
        if self.schedule == "step":
            return self.rate * self.factor ** (epoch // self.step_epochs)
        return self.rate


_FOLDER = "from the scenario's folder, of a shipped scenario from the working directory; none: no files"


class HospitalSettings(BaseModel):
    """The `[hospitals]` table: who shares training images, and who asks afterwards (POMIC figure 5)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: Annotated[_Whole, Field(ge=1, description="the training images are dealt out to so many")] = 1
    asker: _Count = Field(default=0, description="which hospital asks for inference after training")
    queries: _Count = Field(default=0, description="how many test images it asks about")
    model: str | None = Field(
        default=None, description=f"the file, .onnx or .npz, in which it keeps the trained model, {_FOLDER}"
    )

    @field_validator("model")
    @classmethod
    def _named(cls, value: str | None) -> str | None:
        if value is not None and not value.endswith((".onnx", ".npz")):
            raise ValueError("accepted: a name that ends in .onnx or .npz")
        return value


class CheckpointSettings(BaseModel):
    """The `[checkpoint]` table: where every server keeps its own shares of model and optimiser."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str | None = Field(default=None, description=_FOLDER)
    every: Annotated[_Whole, Field(ge=1, description="steps")] = 50
    resume: bool = Field(default=True, description="go on from the newest complete checkpoint")
    halt_after: _Count = Field(default=0, description="stop after so many steps, as if killed; 0: never")


class PrivateTrainingSettings(SecureSettings):
    """Every table of a training scenario."""

    data: DataSettings = DataSettings()
    model: ModelSettings
    training: TrainingSettings = TrainingSettings()
    hospitals: HospitalSettings = HospitalSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
