"""The peer of tests/bench/harvest.cc: for every line on standard input runs transformers' model once and prints the
seconds. Needs a Python with torch and transformers."""

import argparse
import os
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
import transformers  # noqa: E402

parser = argparse.ArgumentParser()
for name in ("layers", "threads", "batch", "sequence"):
    parser.add_argument(f"--{name}", type=int, required=True)
parser.add_argument("--model", required=True)
arguments = parser.parse_args()

torch.set_num_threads(arguments.threads)
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
model = transformers.AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).eval().base_model
model.layers = model.layers[: arguments.layers]
tokens = torch.randint(0, model.config.vocab_size, (arguments.batch, arguments.sequence))
with torch.no_grad():
    for _ in sys.stdin:
        start = time.perf_counter()
        model(input_ids=tokens, use_cache=False)
        print(time.perf_counter() - start, flush=True)
