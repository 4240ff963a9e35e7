"""Documents out of files of text, JSON lines and Parquet, in pieces that fit into memory."""

import contextlib
import gzip
import io
import json
import re
import tempfile
import typing
import zlib

from tokenizing import InputError

CHUNK = 1 << 14  # Characters of a piece, at least; a text is cut at line ends.
GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"
JSON_LINES = (".jsonl", ".ndjson", ".json")
PARQUET_ROWS = 128  # Read at once.
# Byte-level BPE never joins what stands before such a newline with it, so that a cut there changes no token.
LINE_END = re.compile(r"(?<=\S)\n")


class Piece(typing.NamedTuple):
    text: str
    begins: bool  # A document.
    ends: bool


class BytesRead:
    """How much of the inputs was read, as it lies on disk."""

    def __init__(self, paths):
        self.total = sum(path.stat().st_size for path in paths)
        self.count = 0


class CountedFile(io.FileIO):
    def __init__(self, path, bytes_read):
        super().__init__(path)
        self._bytes_read = bytes_read

    def readinto(self, buffer):
        count = super().readinto(buffer)
        self._bytes_read.count += count
        return count


def pieces_of(paths, text_field, bytes_read):
    """Every piece of every document in order. A document without text gives none."""
    for path in paths:
        try:
            with contextlib.ExitStack() as files:
                for document in documents_of(path, text_field, bytes_read, files):
                    yield from pieces_of_document(document)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path}: {getattr(error, 'strerror', None) or first_line(error)}") from error


def first_line(error):
    return str(error).partition("\n")[0]


def pieces_of_document(chunks):
    begins, previous = True, None
    for chunk in chunks:
        if previous is not None:
            yield Piece(previous, begins, False)
            begins = False
        previous = chunk
    if previous is not None:
        yield Piece(previous, begins, True)


def documents_of(path, text_field, bytes_read, files):
    """One iterable of chunks a document. What is opened is left to `files`, an ExitStack, to close."""
    binary = files.enter_context(io.BufferedReader(CountedFile(path, bytes_read), 1 << 20))
    if binary.peek(2)[:2] == GZIP_MAGIC:
        binary = files.enter_context(io.BufferedReader(gzip.GzipFile(fileobj=binary), 1 << 20))
    name = path.name.removesuffix(".gz")
    if binary.peek(4)[:4] == PARQUET_MAGIC:
        yield from parquet_documents(path, text_field, seekable(binary, files))
    elif name.endswith(".parquet"):
        raise InputError(f"{path}: is not a Parquet file, for it does not begin with {PARQUET_MAGIC.decode()}")
    elif name.endswith(JSON_LINES):
        yield from json_documents(path, text_field, text_of(binary, files))
    else:
        yield chunks_of(text_of(binary, files))


def text_of(binary, files):
    return files.enter_context(io.TextIOWrapper(binary, encoding="utf-8", errors="replace", newline=""))


def seekable(binary, files):
    """Parquet is read from its end; what is compressed is unpacked to disk for that."""
    if isinstance(binary.raw, CountedFile):
        return binary
    unpacked = files.enter_context(tempfile.TemporaryFile())
    while block := binary.read(1 << 20):
        unpacked.write(block)
    return unpacked


def json_documents(path, text_field, lines):
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}:{number}: is not JSON: {error}") from error
        text = document.get(text_field) if isinstance(document, dict) else None
        if not isinstance(text, str):
            raise InputError(f'{path}:{number}: has no string under "{text_field}" (--text-field)')
        yield chunks_of(io.StringIO(well_formed(text), newline=""))


def well_formed(text):
    """JSON can spell half a surrogate pair, which is no character and has no UTF-8."""
    try:
        text.encode("utf-8")
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def parquet_documents(path, text_field, binary):
    import pyarrow  # Takes a while and is needed by few.
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(binary, buffer_size=1 << 20, pre_buffer=False)
        check_text_column(path, text_field, file.schema_arrow, pyarrow)
        row = 0
        for batch in file.iter_batches(batch_size=PARQUET_ROWS, columns=[text_field]):
            # As bytes, for nothing says that they are UTF-8.
            column = batch.column(0).cast(pyarrow.large_string()).cast(pyarrow.large_binary())
            for value in column.to_pylist():
                row += 1
                if value is None:
                    raise InputError(f'{path}: row {row} has no string under "{text_field}" (--text-field)')
                yield chunks_of(io.StringIO(value.decode("utf-8", "replace"), newline=""))
    except pyarrow.ArrowException as error:
        raise InputError(f"{path}: cannot be read as Parquet: {first_line(error)}") from error


def check_text_column(path, text_field, schema, pyarrow):
    if text_field not in schema.names:
        raise InputError(f'{path}: has no column "{text_field}" (--text-field); it has {", ".join(schema.names)}')
    kind = schema.field(text_field).type
    kind = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
    if not (pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)):
        raise InputError(f'{path}: column "{text_field}" (--text-field) holds {kind}; must hold strings')


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
