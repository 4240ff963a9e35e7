"""Tokens out of pieces of documents: one flat stream, or documents padded to whole sequences."""

import concurrent.futures
import typing

import numpy

BATCH_CHARACTERS = 1 << 21  # Encoded at once, at least; what memory is needed goes by this.
BATCH_PIECES = 1 << 12


class Layout(typing.NamedTuple):
    separator: int  # After each document.
    begin: int | None  # Before each document.
    sequence_length: int | None  # Each document begins a sequence and is padded to whole ones.
    padding: int | None


def batches_of(pieces):
    batch, characters = [], 0
    for piece in pieces:
        batch.append(piece)
        characters += len(piece.text)
        if characters >= BATCH_CHARACTERS or len(batch) == BATCH_PIECES:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def encoded_batches(tokenizer, pieces):
    """Batches of pieces with their ids. The next batch is read while the tokenizer works on one: it holds no lock."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        pending = None
        for batch in batches_of(pieces):
            following = batch, pool.submit(tokenizer.encode, [piece.text for piece in batch])
            if pending is not None:
                yield pending[0], pending[1].result()
            pending = following
        if pending is not None:
            yield pending[0], pending[1].result()


def packed(tokenizer, pieces, layout):
    """Arrays of ids that follow one another in the file."""
    single = {token: numpy.asarray([token], dtype=tokenizer.dtype) for token in (layout.begin, layout.separator)
              if token is not None}
    in_sequence = 0  # Tokens of the document's last sequence.
    for batch, encoded in encoded_batches(tokenizer, pieces):
        parts = []
        for piece, ids in zip(batch, encoded, strict=True):
            first = len(parts)
            if piece.begins and layout.begin is not None:
                parts.append(single[layout.begin])
            parts.append(ids)
            if piece.ends:
                parts.append(single[layout.separator])
            if layout.sequence_length is None:
                continue
            in_sequence = (in_sequence + sum(len(part) for part in parts[first:])) % layout.sequence_length
            if piece.ends and in_sequence > 0:
                missing = layout.sequence_length - in_sequence
                parts.append(numpy.full(missing, layout.padding, dtype=tokenizer.dtype))
                in_sequence = 0
        yield numpy.concatenate(parts)
