"""The plaintext twin: the same network in the clear, as floats and in exact fixed point; the same trees.

In flow networks, weights and images; out flow logits, gradients and weights. No secret is held here. Each
module is imported by who asks for it, so that an inference waits for no trees: `boosted`, `fixed`,
`floating`, `optimise`, `ranges`, `training`, `trees`, `windows`.
"""
