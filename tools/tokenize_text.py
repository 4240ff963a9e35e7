#!/usr/bin/env python3
"""Turns text into a token file: flat little-endian uint16 or uint32 ids, with a JSON sidecar FILE.json beside it.

INPUT is plain text (one document a file), JSON lines (one document a line, its text under --text-field; recognised by
the names .jsonl, .ndjson and .json) or Parquet (one document a row, its text in the column --text-field), each also
gzipped, whatever its name. Bytes that are not UTF-8 become U+FFFD. Documents are packed back to back, the tokenizer's
end-of-sequence token after each; with --pad each begins a sequence of its own instead, and its last one is padded.

The file appears whole or not at all, and stays as it is when it was made from the same inputs in the same way. Memory
does not grow with the inputs.
"""

import argparse
import pathlib
import signal
import sys

from tokenizing import InputError
from tokenizing.inputs import BytesRead, pieces_of
from tokenizing.packing import Layout, packed
from tokenizing.progress import Progress
from tokenizing.token_file import TokenFileWriter, is_finished
from tokenizing.tokenizer import Tokenizer


def layout_of(arguments, tokenizer):
    separator = tokenizer.special_token("eos_token", "bos_token", purpose="part documents")
    begin = tokenizer.special_token("bos_token", purpose="begin documents") if arguments.begin_token else None
    padding = None
    if arguments.pad:
        padding = tokenizer.special_token("pad_token", "eos_token", "bos_token", purpose="pad sequences")
    return Layout(separator, begin, arguments.sequence_length, padding)


def recipe(arguments, tokenizer):
    """What decides the file's contents, as far as it can be seen without reading the inputs."""
    return {
        "inputs": [{"path": str(path), "bytes": path.stat().st_size} for path in arguments.inputs],
        "max_tokens": arguments.max_tokens,
        "text_field": arguments.text_field,
        "begin_token": arguments.begin_token,
        "sequence_length": arguments.sequence_length,
        "tokenizer_sha256": tokenizer.sha256,
    }


def most_tokens(arguments):
    if arguments.max_tokens is None:
        return sys.maxsize
    return arguments.max_tokens - arguments.max_tokens % (arguments.sequence_length or 1)


def write_tokens(arrays, limit, writer, progress):
    for ids in arrays:
        writer.append(ids[: limit - writer.count])
        progress.show(writer.count)
        if writer.count == limit:
            break
    progress.show(writer.count, last=True)


def tokenize(arguments, tokenizer, made_from):
    layout = layout_of(arguments, tokenizer)
    bytes_read = BytesRead(arguments.inputs)
    pieces = pieces_of(arguments.inputs, arguments.text_field, bytes_read)
    with TokenFileWriter(arguments.out) as writer:
        write_tokens(packed(tokenizer, pieces, layout), most_tokens(arguments), writer, Progress(bytes_read))
        if writer.count == 0:
            raise InputError("the inputs hold no text")
        fields = {
            "tokenizer": tokenizer.name,
            "vocabulary_size": tokenizer.vocabulary_size,
            "dtype": "uint16" if tokenizer.dtype.itemsize == 2 else "uint32",
        }
        if arguments.pad:
            fields |= {"sequence_length": arguments.sequence_length, "padding_token": layout.padding}
        return writer.commit({**fields, "made_from": made_from})


def positive(text):
    value = int(text.replace("_", ""))
    if value < 1:
        raise ValueError
    return value


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", type=pathlib.Path, metavar="INPUT",
                        help="text, JSON lines or Parquet, also gzipped")
    parser.add_argument("--tokenizer", required=True, type=pathlib.Path, metavar="MODEL_DIR",
                        help="a Hugging Face folder with tokenizer.json and tokenizer_config.json")
    parser.add_argument("--out", required=True, type=pathlib.Path, metavar="FILE.bin", help="the token file to make")
    parser.add_argument("--max-tokens", type=positive, metavar="N",
                        help="stop after N tokens, with --pad after the whole sequences among them (default: all)")
    parser.add_argument("--text-field", default="text", metavar="NAME",
                        help="the text's key in JSON lines, its column in Parquet (default: text)")
    parser.add_argument("--begin-token", action="store_true",
                        help="put the tokenizer's bos_token before each document")
    parser.add_argument("--sequence-length", type=positive, metavar="N", help="tokens in a sequence, for --pad")
    parser.add_argument("--pad", action="store_true",
                        help="begin each document on a new sequence and fill its last one with the tokenizer's pad_token")
    parser.add_argument("--force", action="store_true", help="make FILE.bin again even when nothing has changed")
    arguments = parser.parse_args()
    if arguments.pad != (arguments.sequence_length is not None):
        parser.error("--pad and --sequence-length go together")
    if arguments.pad and most_tokens(arguments) == 0:
        parser.error(f"--max-tokens is {arguments.max_tokens}; must be at least --sequence-length")
    return arguments


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # So that what is staged is removed.
    try:
        tokenizer = Tokenizer(arguments.tokenizer)
        made_from = recipe(arguments, tokenizer)
        if is_finished(arguments.out, made_from) and not arguments.force:
            print(f"tokenize_text: {arguments.out} is there already (--force makes it again)")
            return
        fields = tokenize(arguments, tokenizer, made_from)
        print(f"tokenize_text: wrote {arguments.out} ({fields['count']:,} tokens, {fields['dtype']})")
    except InputError as error:
        sys.exit(f"tokenize_text: {error}")
    except OSError as error:
        sys.exit(f"tokenize_text: {error.filename or arguments.out}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit("tokenize_text: interrupted; nothing was written")


if __name__ == "__main__":
    main()
