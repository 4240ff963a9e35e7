"""The sweeps of every history, in the order in which they are submitted, so that their ids are always the same."""

import service


class Catalogue:
    """Sweep files over one tiny model. A manifest names model, tokens, sweep and run, so exports are equal only where all are."""

    def __init__(self):
        self._inputs = service.Inputs()
        # The first takes about two seconds on one core: long enough to be disturbed, short enough to be begun again often.
        small = {"latents": "[96]", "k": "[4]", "seeds": "[0, 1]", "batch_tokens": 64}
        self.files = [
            self._inputs.write_sweep(name="one-rank", epochs=200, **small),
            self._inputs.write_sweep(name="two-ranks", epochs=40, ranks=2, hookpoints="[layers.0, layers.1.mlp]", **small),
            self._inputs.write_sweep(name="evaluated", epochs=40, extra="evaluation: {sequences: 32}\n", **small),
        ]

    def close(self):
        self._inputs.close()
