#!/usr/bin/env python3
"""Turns text into a token file: flat little-endian uint16 or uint32 ids, with a JSON sidecar FILE.json beside it.

INPUT is plain text (one document a file) or JSON lines (one document a line, its text under --text-key; recognised by
the names .jsonl, .ndjson and .json), each also gzipped, whatever its name. Bytes that are not UTF-8 become U+FFFD.
Documents are packed back to back, the tokenizer's end-of-sequence token after each.

The file appears whole or not at all, and stays as it is when it was made from the same inputs in the same way.
"""

import argparse
import gzip
import hashlib
import io
import itertools
import json
import os
import pathlib
import re
import sys
import time

os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
import numpy  # noqa: E402
import tokenizers  # noqa: E402

CHUNK = 1 << 14  # Characters that are encoded at once, at least; a text is cut at line ends.
CHUNKS_PER_BATCH = 256
GZIP_MAGIC = b"\x1f\x8b"
JSON_LINES = (".jsonl", ".ndjson", ".json")
# Byte-level BPE never joins what stands before such a newline with it, so that a cut there changes no token.
LINE_END = re.compile(r"(?<=\S)\n")


class InputError(Exception):
    """Something that the user gave is wrong; its text is the one line to print."""


class Tokenizer:
    """tokenizer.json of a Hugging Face folder, and the token that ends a document."""

    def __init__(self, folder):
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file; --tokenizer needs a folder that holds it")
        try:
            self.encoder = tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except Exception as error:  # The library raises Exception itself.
            raise InputError(f"{path}: {error}") from error
        self.encoder.no_truncation()
        self.encoder.no_padding()
        self.name = folder.resolve().name
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self.vocabulary_size = max(self.encoder.get_vocab(with_added_tokens=True).values()) + 1
        self.dtype = numpy.dtype("<u2" if self.vocabulary_size <= 1 << 16 else "<u4")
        self.separator = self._separator(folder)

    def _separator(self, folder):
        config = {}
        for name in ("tokenizer_config.json", "special_tokens_map.json"):
            path = folder / name
            if path.is_file():
                try:
                    config = {**json.loads(path.read_text(encoding="utf-8")), **config}
                except ValueError as error:
                    raise InputError(f"{path}: is not JSON: {error}") from error
        for field in ("eos_token", "bos_token"):
            token = config.get(field)
            token = token.get("content") if isinstance(token, dict) else token
            identity = self.encoder.token_to_id(token) if isinstance(token, str) else None
            if identity is not None:
                return identity
        raise InputError(f"{folder}: its tokenizer_config.json names no eos_token or bos_token to part documents with")

    def encode(self, texts):
        batch = self.encoder.encode_batch_fast(texts, add_special_tokens=False)
        return [numpy.asarray(encoding.ids, dtype=self.dtype) for encoding in batch]


def open_text(path):
    binary = open(path, "rb")
    if binary.peek(2)[:2] == GZIP_MAGIC:
        binary = gzip.GzipFile(fileobj=binary)
    return io.TextIOWrapper(binary, encoding="utf-8", errors="replace", newline="")


def is_json_lines(path):
    name = path.name.removesuffix(".gz")
    return name.endswith(JSON_LINES)


def cut(buffer, start):
    """Where the chunk that begins at `start` ends: before a newline, or anywhere when lines are longer than it."""
    longest = start + 4 * CHUNK
    line_end = LINE_END.search(buffer, start + CHUNK, longest)
    return line_end.start() if line_end else longest


def chunks_of(text_file):
    """A stream's text in pieces, none of them much longer than 4 * CHUNK."""
    rest = ""
    while block := text_file.read(64 * CHUNK):
        rest += block
        start = 0
        while len(rest) - start > 5 * CHUNK:
            end = cut(rest, start)
            yield rest[start:end]
            start = end
        rest = rest[start:]
    while rest:
        end = cut(rest, 0) if len(rest) > 5 * CHUNK else len(rest)
        yield rest[:end]
        rest = rest[end:]


def documents_of(path, text_key):
    """One iterable of chunks a document."""
    with open_text(path) as text_file:
        if not is_json_lines(path):
            yield chunks_of(text_file)
            return
        for number, line in enumerate(text_file, start=1):
            if not line.strip():
                continue
            try:
                document = json.loads(line)
            except ValueError as error:
                raise InputError(f"{path}:{number}: is not JSON: {error}") from error
            text = document.get(text_key) if isinstance(document, dict) else None
            if not isinstance(text, str):
                raise InputError(f'{path}:{number}: has no string under "{text_key}" (--text-key)')
            yield chunks_of(io.StringIO(text))


def pieces_of(inputs, text_key):
    """Every chunk of every input in order; None after each document that has any."""
    for path in inputs:
        try:
            for document in documents_of(path, text_key):
                empty = True
                for chunk in document:
                    empty = False
                    yield chunk
                if not empty:
                    yield None
        except (OSError, EOFError) as error:
            raise InputError(f"{path}: {error}") from error


class Progress:
    """A line on stderr now and then: rewritten in place on a terminal."""

    def __init__(self):
        self.started = self.shown = time.monotonic()
        self.on_terminal = sys.stderr.isatty()

    def seconds(self):
        return time.monotonic() - self.started

    def show(self, characters, tokens, last=False):
        now = time.monotonic()
        if not last and now - self.shown < (0.5 if self.on_terminal else 5):
            return
        self.shown = now
        line = f"tokenize_text: {characters / 1e6:.1f} M characters, {tokens / 1e6:.2f} M tokens, {self.seconds():.0f} s"
        end = "\n" if last or not self.on_terminal else ""
        print(("\r" if self.on_terminal else "") + line, end=end, file=sys.stderr, flush=True)


def write_tokens(tokenizer, pieces, max_tokens, out):
    """Returns how many tokens were written and their SHA-256."""
    separator = numpy.asarray([tokenizer.separator], dtype=tokenizer.dtype)
    digest, count, characters, progress = hashlib.sha256(), 0, 0, Progress()
    while count < max_tokens and (batch := list(itertools.islice(pieces, CHUNKS_PER_BATCH))):
        encoded = iter(tokenizer.encode([piece for piece in batch if piece is not None]))
        ids = numpy.concatenate([separator if piece is None else next(encoded) for piece in batch])
        ids = ids[: max_tokens - count]
        digest.update(ids.tobytes())
        out.write(ids.tobytes())
        count += len(ids)
        characters += sum(len(piece) for piece in batch if piece is not None)
        progress.show(characters, count)
    progress.show(characters, count, last=True)
    return count, digest.hexdigest()


def recipe(arguments, tokenizer):
    """What decides the file's contents, as far as it can be seen without reading the inputs."""
    return {
        "inputs": [{"path": str(path), "bytes": path.stat().st_size} for path in arguments.inputs],
        "max_tokens": arguments.max_tokens,
        "text_key": arguments.text_key,
        "tokenizer_sha256": tokenizer.sha256,
    }


def is_finished(out, sidecar, made_from):
    if not out.is_file() or not sidecar.is_file():
        return False
    try:
        found = json.loads(sidecar.read_text(encoding="utf-8"))
        size = found["count"] * numpy.dtype(found["dtype"]).itemsize
        return found.get("made_from") == made_from and out.stat().st_size == size
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def tokenize(arguments, tokenizer, made_from, sidecar):
    out = arguments.out
    staged, staged_sidecar = (path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in (out, sidecar))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        pieces = pieces_of(arguments.inputs, arguments.text_key)
        with open(staged, "wb") as file:
            count, sha256 = write_tokens(tokenizer, pieces, arguments.max_tokens or sys.maxsize, file)
        if count == 0:
            raise InputError("the inputs hold no text")
        fields = {
            "tokenizer": tokenizer.name,
            "vocabulary_size": tokenizer.vocabulary_size,
            "dtype": "uint16" if tokenizer.dtype.itemsize == 2 else "uint32",
            "count": count,
            "sha256": sha256,
            "made_from": made_from,
        }
        staged_sidecar.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
        sidecar.unlink(missing_ok=True)  # So that no sidecar is ever beside tokens that it doesn't describe.
        staged.rename(out)
        staged_sidecar.rename(sidecar)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror or error}") from error
    finally:
        for path in (staged, staged_sidecar):
            if path.exists():
                path.unlink()
    return fields


def positive(text):
    value = int(text.replace("_", ""))
    if value < 1:
        raise ValueError
    return value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", type=pathlib.Path, metavar="INPUT", help="text or JSON lines, also gzipped")
    parser.add_argument("--tokenizer", required=True, type=pathlib.Path, metavar="MODEL_DIR",
                        help="a Hugging Face folder with tokenizer.json and tokenizer_config.json")
    parser.add_argument("--out", required=True, type=pathlib.Path, metavar="FILE.bin", help="the token file to make")
    parser.add_argument("--max-tokens", type=positive, metavar="N", help="stop after N tokens (default: all)")
    parser.add_argument("--text-key", default="text", metavar="KEY", help="the text's key in JSON lines (default: text)")
    parser.add_argument("--force", action="store_true", help="make FILE.bin again even when nothing has changed")
    arguments = parser.parse_args()
    try:
        tokenizer = Tokenizer(arguments.tokenizer)
        made_from = recipe(arguments, tokenizer)
        sidecar = arguments.out.with_name(arguments.out.name + ".json")
        if is_finished(arguments.out, sidecar, made_from) and not arguments.force:
            print(f"tokenize_text: {arguments.out} is there already (--force makes it again)")
            return
        fields = tokenize(arguments, tokenizer, made_from, sidecar)
        print(f"tokenize_text: wrote {arguments.out} ({fields['count']:,} tokens, {fields['dtype']})")
    except InputError as error:
        sys.exit(f"tokenize_text: {error}")
    except OSError as error:
        sys.exit(f"tokenize_text: {error.filename or arguments.out}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit("tokenize_text: interrupted; nothing was written")


if __name__ == "__main__":
    main()
