"""The series that POMIC prints in its section 6.2, an epoch a number.

The text calls the second series of figure 8 "training acc" and means the test accuracy that the figure is
about; 15 epochs were selected "with obvious fluctuations". Its table 4 (hyperparameters) is not in the text
that we have.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PaperFigure:
    """One figure of the paper: its number, what it shows, and its two printed series."""

    number: int
    quantity: str
    clear: tuple[float, ...]
    private: tuple[float, ...]


FIGURES = {
    "accuracy": PaperFigure(
        6, "training accuracy",
        (0.5751, 0.7273, 0.7566, 0.7598, 0.7658, 0.7757, 0.7861, 0.7951, 0.7977, 0.7958, 0.8001, 0.7961,
         0.7951, 0.7979, 0.7977),
        (0.684966, 0.750844, 0.75475, 0.769214, 0.769214, 0.771536, 0.772698, 0.778715, 0.772381, 0.773753,
         0.778351, 0.780012, 0.774281, 0.785893, 0.782164),
    ),
    "loss": PaperFigure(
        7, "training loss",
        (0.6745, 0.5068, 0.4862, 0.4783, 0.4897, 0.4634, 0.4744, 0.4589, 0.4707, 0.4529, 0.4438, 0.4407,
         0.4255, 0.4471, 0.4254),
        (1.25377, 1.17591, 0.82434, 0.82974, 0.73277, 0.77912, 0.65382, 0.57706, 0.52082, 0.53453, 0.52147,
         0.53012, 0.52364, 0.53101, 0.53214),
    ),
    "test_accuracy": PaperFigure(
        8, "test accuracy",
        (0.6812, 0.6797, 0.6774, 0.6787, 0.6727, 0.6784, 0.6809, 0.6779, 0.6745, 0.6745, 0.6777, 0.6844,
         0.6737, 0.6839, 0.6789),
        (0.660925, 0.661776, 0.671921, 0.670179, 0.672472, 0.671423, 0.670179, 0.675153, 0.670729, 0.683268,
         0.672917, 0.673121, 0.686854, 0.671286, 0.674231),
    ),
    "test_loss": PaperFigure(
        9, "test loss",
        (0.6332, 0.6568, 0.6545, 0.6765, 0.6625, 0.6514, 0.6601, 0.6618, 0.6624, 0.6498, 0.6331, 0.6367,
         0.6223, 0.6354, 0.6182),
        (1.05377, 1.07591, 1.02434, 1.02974, 1.03277, 0.879127, 0.853824, 0.77706, 0.778715, 0.702974,
         0.76854, 0.753241, 0.777706, 0.767706, 0.762706),
    ),
}  # fmt: skip
