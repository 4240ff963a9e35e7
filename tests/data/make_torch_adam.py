#!/usr/bin/env python3
"""Makes torch_adam.safetensors: torch.optim.Adam under transformers' linear schedule on given gradients.

  make_torch_adam.py [OUT]

Needs torch 2.11.0 and transformers.
"""
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import get_linear_schedule_with_warmup

SIZE, STEPS, WARMUP, PEAK = 37, 20, 5, 0.01


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("torch_adam.safetensors"))
    generator = torch.Generator().manual_seed(3)
    scales = 10.0 ** torch.randint(-6, 3, (SIZE,), generator=generator)
    gradients = torch.randn(STEPS, SIZE, generator=generator) * scales
    gradients[3:9, :8] = 0  # Momentum alone moves these.
    parameter = torch.nn.Parameter(torch.randn(SIZE, generator=generator))
    optimizer = torch.optim.Adam([parameter], lr=PEAK)
    scheduler = get_linear_schedule_with_warmup(optimizer, WARMUP, STEPS)
    parameters, rates = [parameter.detach().clone()], []
    for gradient in gradients:
        rates.append(optimizer.param_groups[0]["lr"])
        parameter.grad = gradient.clone()
        optimizer.step()
        scheduler.step()
        parameters.append(parameter.detach().clone())
    rates.append(optimizer.param_groups[0]["lr"])
    save_file({"gradients": gradients, "parameters": torch.stack(parameters),
               "learning_rates": torch.tensor(rates, dtype=torch.float64)}, out)
    print(out)


if __name__ == "__main__":
    main()
