"""tools/tokenize_text.py as a user runs it: what it makes of every kind of input, and one line for what is wrong."""

import gzip
import hashlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import unittest

import numpy
import pyarrow
import pyarrow.parquet
import tokenizers

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "tokenize_text.py"
END, BEGIN, PAD = "<|end|>", "<|begin|>", "<|pad|>"
TEXTS = ["The cat sat on the mat.\nThe dog\n\nsat on the cat.", "Über naïve façades", "a"]


def make_tokenizer(folder, special=(END, BEGIN, PAD), **config):
    """A byte-level BPE of a few hundred tokens."""
    folder.mkdir(exist_ok=True)
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, special_tokens=list(special), show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())  # fmt: skip
    tokenizer.train_from_iterator(TEXTS * 5, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = config or {"eos_token": END, "bos_token": {"content": BEGIN}, "pad_token": PAD}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return tokenizer


class TokenizeTextTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.shared.cleanup)
        cls.model = pathlib.Path(cls.shared.name) / "tiny"
        cls.tokenizer = make_tokenizer(cls.model)
        cls.end, cls.begin, cls.pad = (cls.tokenizer.token_to_id(token) for token in (END, BEGIN, PAD))

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.out = self.folder / "out" / "t.bin"

    def write(self, name, contents):
        path = self.folder / name
        path.write_bytes(contents.encode("utf-8") if isinstance(contents, str) else contents)
        return path

    def write_lines(self, name, documents):
        return self.write(name, "".join(json.dumps(document) + "\n" for document in documents))

    def write_parquet(self, name, columns, **options):
        pyarrow.parquet.write_table(pyarrow.table(columns), self.folder / name, **options)
        return self.folder / name

    def run_script(self, *arguments, model=None, **options):
        command = [sys.executable, "-B", SCRIPT, "--tokenizer", model or self.model, "--out", self.out, *arguments]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)

    def tokens_of(self, *arguments):
        done = self.run_script(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        sidecar = self.sidecar()
        self.assertEqual(sidecar["sha256"], hashlib.sha256(self.out.read_bytes()).hexdigest())
        tokens = numpy.fromfile(self.out, dtype="<u2").tolist()
        self.assertEqual(sidecar["count"], len(tokens))
        self.assertEqual(sorted(path.name for path in self.out.parent.iterdir()), ["t.bin", "t.bin.json"])
        return tokens

    def sidecar(self):
        return json.loads(self.out.with_name("t.bin.json").read_text(encoding="utf-8"))

    def expected(self, texts, begin=False):
        tokens = []
        for text in texts:
            tokens += [self.begin] * begin + self.tokenizer.encode(text, add_special_tokens=False).ids + [self.end]
        return tokens

    def assert_refused(self, arguments, *parts, **options):
        done = self.run_script(*arguments, **options)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        # Progress comes before it.
        complaints = [line for line in done.stderr.splitlines() if " tokens at " not in line]
        self.assertEqual(len(complaints), 1, done.stderr)
        for part in parts:
            self.assertIn(str(part), complaints[0])
        left = list(self.out.parent.iterdir()) if self.out.parent.exists() else []
        self.assertEqual(left, [])

    # What it makes.

    def test_every_kind_of_input_gives_the_same_tokens(self):
        documents = [{"text": text, "other": 1} for text in TEXTS]
        lines = self.write_lines("a.jsonl", documents)
        parquet = self.write_parquet("a.parquet", {"n": [1, 2, 3], "text": TEXTS}, row_group_size=2)
        inputs = [
            [self.write(f"{i}.txt", text) for i, text in enumerate(TEXTS)],
            [lines],
            [parquet],
            [self.write_parquet("b", {"text": pyarrow.array(TEXTS, pyarrow.large_string())})],
            [self.write_parquet("c.parquet", {"text": pyarrow.array(TEXTS).dictionary_encode()})],
            [self.write("a.jsonl.gz", gzip.compress(lines.read_bytes()))],
            [self.write("d.parquet.gz", gzip.compress(parquet.read_bytes()))],
            [self.write(f"{i}.gz", gzip.compress(text.encode())) for i, text in enumerate(TEXTS)],
        ]
        for paths in inputs:
            with self.subTest(str(paths[0])):
                self.assertEqual(self.tokens_of(*paths), self.expected(TEXTS))

    def test_several_inputs_follow_one_another(self):
        text = self.write("a.txt", TEXTS[0])
        lines = self.write_lines("b.ndjson", [{"body": TEXTS[1]}, {"body": ""}])
        self.assertEqual(self.tokens_of(text, lines, "--text-field", "body"), self.expected(TEXTS[:2]))

    def test_members_of_a_gzip_are_one_text(self):
        members = gzip.compress(b"The cat ") + gzip.compress(b"sat.")
        self.assertEqual(self.tokens_of(self.write("a.gz", members)), self.expected(["The cat sat."]))

    def test_a_long_text_is_cut_without_a_trace(self):
        text = "".join(f"The cat sat on mat {i}.\n" + "\n" * (i % 3) for i in range(40_000))
        self.assertEqual(self.tokens_of(self.write("a.txt", text)), self.expected([text]))

    def test_more_documents_than_a_batch_holds_keep_their_order(self):
        texts = [f"cat {i}" for i in range(10_000)]
        lines = self.write_lines("a.jsonl", [{"text": text} for text in texts])
        self.assertEqual(self.tokens_of(lines), self.expected(texts))

    def test_line_ends_and_bytes_that_are_no_text_are_kept(self):
        lines = self.write_lines("a.jsonl", [{"text": "a\r\nb\rc"}])
        self.assertEqual(self.tokens_of(lines), self.expected(["a\r\nb\rc"]))
        self.assertEqual(self.tokens_of(self.write("a.txt", b"a\xffb\r\n")), self.expected(["a\ufffdb\r\n"]))
        half_a_pair = self.write("b.jsonl", b'{"text": "a\\ud800b"}\n')
        self.assertEqual(self.tokens_of(half_a_pair), self.expected(["a\ufffdb"]))

    def test_begin_token_is_before_each_document(self):
        lines = self.write_lines("a.jsonl", [{"text": text} for text in TEXTS])
        self.assertEqual(self.tokens_of(lines, "--begin-token"), self.expected(TEXTS, begin=True))

    def test_max_tokens_cuts_the_stream(self):
        lines = self.write_lines("a.jsonl", [{"text": text} for text in TEXTS])
        self.assertEqual(self.tokens_of(lines, "--max-tokens", "1_2"), self.expected(TEXTS)[:12])

    def test_padded_documents_begin_a_sequence(self):
        lines = self.write_lines("a.jsonl", [{"text": text} for text in TEXTS])
        tokens = self.tokens_of(lines, "--pad", "--sequence-length", 8, "--begin-token")
        expected = []
        for text in TEXTS:
            document = self.expected([text], begin=True)
            expected += document + [self.pad] * (-len(document) % 8)
        self.assertEqual(tokens, expected)
        self.assertEqual(self.sidecar()["sequence_length"], 8)
        self.assertEqual(self.sidecar()["padding_token"], self.pad)
        cut = self.tokens_of(lines, "--pad", "--sequence-length", 8, "--begin-token", "--max-tokens", 17)
        self.assertEqual(cut, expected[:16])

    def test_a_document_longer_than_a_piece_is_padded_once(self):
        text = "The cat sat.\n" * 20_000
        tokens = self.tokens_of(self.write("a.txt", text), "--pad", "--sequence-length", 1000)
        document = self.expected([text])
        self.assertEqual(tokens, document + [self.pad] * (-len(document) % 1000))

    def test_large_vocabulary_takes_four_bytes(self):
        model = self.folder / "large"
        make_tokenizer(model)
        contents = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
        contents["model"]["vocab"]["far"] = 70_000
        (model / "tokenizer.json").write_text(json.dumps(contents), encoding="utf-8")
        done = self.run_script(self.write("a.txt", "cat"), model=model)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.sidecar()["dtype"], self.sidecar()["vocabulary_size"]), ("uint32", 70_001))
        self.assertEqual(self.out.stat().st_size, 4 * self.sidecar()["count"])

    def test_a_second_run_leaves_what_is_done(self):
        text = self.write("a.txt", "cat")
        self.tokens_of(text)
        before = self.out.stat().st_mtime_ns
        self.assertIn("is there already", self.run_script(text).stdout)
        self.assertEqual(self.out.stat().st_mtime_ns, before)
        for change in (["--force"], ["--begin-token"], ["--max-tokens", 1]):
            self.assertIn("wrote", self.run_script(text, *change).stdout)
        self.write("a.txt", "cats")
        self.assertIn("wrote", self.run_script(text).stdout)

    def test_progress_on_a_pipe_is_lines(self):
        done = self.run_script(self.write("a.txt", "cat"))
        self.assertRegex(done.stderr, r"^tokenize_text: 0\.0 of 0\.0 MB at [0-9.]+ MB/s, 0\.00 M tokens at [^\r\x1b]*\n$")

    # What can be wrong.

    def test_truncated_gzip(self):
        whole = gzip.compress(os.urandom(100_000).hex().encode())
        path = self.write("a.gz", whole[:-1000])
        self.assert_refused([path], path, "ended before")

    def test_corrupt_gzip(self):
        whole = bytearray(gzip.compress(os.urandom(100_000).hex().encode()))
        whole[50_000:50_100] = bytes(100)
        path = self.write("a.jsonl.gz", bytes(whole))
        self.assert_refused([path], path)
        path = self.write("b.gz", b"\x1f\x8b\x07garbage")
        self.assert_refused([path], path)

    def test_bad_json_line(self):
        good = json.dumps({"text": "cat"}) + "\n"
        for bad in ("{", "[" * 100_000, "\x00"):
            path = self.write("a.jsonl", good + bad + "\n")
            self.assert_refused([path], f"{path}:2: is not JSON")

    def test_json_line_without_the_field(self):
        for bad in ({"body": "cat"}, {"text": 1}, {"text": None}, ["text"], "text"):
            path = self.write_lines("a.jsonl", [{"text": "cat"}, bad])
            self.assert_refused([path], f'{path}:2: has no string under "text"')

    def test_parquet_without_the_column(self):
        path = self.write_parquet("a.parquet", {"body": ["cat"], "id": [1]})
        self.assert_refused([path], f'{path}: has no column "text"', "body, id")

    def test_parquet_column_of_another_type(self):
        path = self.write_parquet("a.parquet", {"text": [1, 2]})
        self.assert_refused([path], f'{path}: column "text"', "int64")

    def test_parquet_row_without_text(self):
        path = self.write_parquet("a.parquet", {"text": ["cat"] * 200 + [None]})
        self.assert_refused([path], f'{path}: row 201 has no string under "text"')

    def test_broken_parquet(self):
        whole = self.write_parquet("a.parquet", {"text": [f"cat {i}" for i in range(1000)]}).read_bytes()
        broken = (whole[:-20], whole[:4] + bytes(1000) + whole[1004:], whole[: len(whole) // 2] + whole[-8:], b"PAR1")
        for contents in broken:
            path = self.write("b.parquet", contents)
            self.assert_refused([path], path)
        path = self.write("c.parquet", "text")
        self.assert_refused([path], path, "is not a Parquet file")

    def test_a_late_error_leaves_what_was_there(self):
        self.tokens_of(self.write("a.txt", "cat"))
        before = self.out.read_bytes(), self.sidecar()
        bad = self.write("b.jsonl", (json.dumps({"text": "cat " * 1000}) + "\n") * 2000 + "{\n")
        done = self.run_script(bad)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"{bad}:2001", done.stderr)
        self.assertEqual((self.out.read_bytes(), self.sidecar()), before)
        self.assertEqual(len(list(self.out.parent.iterdir())), 2)

    def test_missing_and_empty_inputs(self):
        missing = self.folder / "none.txt"
        self.assert_refused([missing], missing, "No such file")
        self.assert_refused([self.folder], self.folder, "Is a directory")
        self.assert_refused([self.write("a.txt", "")], "the inputs hold no text")

    def test_tokenizers_without_what_is_needed(self):
        text = self.write("a.txt", "cat")
        nothing = self.folder / "nothing"
        self.assert_refused([text], nothing / "tokenizer.json", model=nothing)
        nameless = self.folder / "nameless"
        make_tokenizer(nameless, eos_token="no such token")
        self.assert_refused([text], nameless, "eos_token or bos_token", model=nameless)
        only_end = self.folder / "only_end"
        make_tokenizer(only_end, eos_token=END)
        self.assert_refused([text, "--begin-token"], only_end, "bos_token", model=only_end)
        broken = self.folder / "broken"
        make_tokenizer(broken)
        (broken / "tokenizer.json").write_text("{}", encoding="utf-8")
        self.assert_refused([text], broken / "tokenizer.json", model=broken)

    def test_a_place_that_cannot_be_written(self):
        self.out = pathlib.Path("/proc/none/t.bin")
        self.assert_refused([self.write("a.txt", "cat")], "/proc/none/t.bin: cannot be written")

    def test_a_write_that_fails_midway(self):
        text = self.write("a.txt", "The cat sat.\n" * 100_000)
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))  # noqa: E731
        self.assert_refused([text], f"{self.out}: cannot be written: File too large", preexec_fn=limit)

    def test_options_that_need_each_other(self):
        text = self.write("a.txt", "cat")
        for options in (["--pad"], ["--sequence-length", 8]):
            self.assertIn("--pad and --sequence-length go together", self.run_script(text, *options).stderr)
        short = self.run_script(text, "--pad", "--sequence-length", 8, "--max-tokens", 7)
        self.assertIn("--max-tokens is 7; must be at least --sequence-length", short.stderr)

    def test_termination_leaves_nothing(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        command = [sys.executable, "-B", SCRIPT, "--tokenizer", self.model, "--out", self.out, fifo]
        with subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True) as process:
            with open(fifo, "wb"):  # Opens once the script does, after its file is staged.
                process.send_signal(signal.SIGTERM)
                _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        self.assertIn("nothing was written", errors)
        self.assertEqual(list(self.out.parent.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
