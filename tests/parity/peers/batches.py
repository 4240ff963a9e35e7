"""Rows for the fixtures: sparse combinations of directions, off centre, some batches larger than others."""
import torch


def make_rows(case):
    """Inputs and targets [steps, rows, d]; the same tensor twice but for a transcoder."""
    recipe = case.recipe
    generator = torch.Generator().manual_seed(1000 + recipe.seed)
    shape = (recipe.steps, recipe.rows)
    codes = torch.randn(*shape, 2 * recipe.d, generator=generator)
    codes *= torch.rand(codes.shape, generator=generator) < 0.4
    directions = torch.randn(2 * recipe.d, recipe.d, generator=generator)
    noise = 0.2 * torch.randn(*shape, recipe.d, generator=generator)
    sizes = case.scale * torch.linspace(0.4, 1.2, recipe.steps)[torch.randperm(recipe.steps, generator=generator)]
    inputs = sizes[:, None, None] * (codes @ directions + noise + 0.5)
    if not recipe.transcode:
        return inputs, inputs
    turn = torch.randn(recipe.d, recipe.d, generator=generator) / recipe.d**0.5
    return inputs, torch.tanh(inputs @ turn) + 0.1 * noise - 0.3


def perturbed(rows, size, seed):
    """Every value of `rows` changed by up to `size` of itself."""
    generator = torch.Generator().manual_seed(seed)
    factors = 1 + size * (2 * torch.rand(rows.shape, generator=generator, dtype=torch.float64) - 1)
    return (rows.double() * factors).float()
