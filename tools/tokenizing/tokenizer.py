"""tokenizer.json of a Hugging Face folder, and its special tokens."""

import hashlib
import json
import os

os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
import numpy  # noqa: E402
import tokenizers  # noqa: E402

from tokenizing import InputError  # noqa: E402


class Tokenizer:
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
        self._folder = folder
        self._config = self._read_config()

    def _read_config(self):
        config = {}
        for name in ("tokenizer_config.json", "special_tokens_map.json"):
            path = self._folder / name
            if path.is_file():
                try:
                    config = {**json.loads(path.read_text(encoding="utf-8")), **config}
                except (ValueError, TypeError) as error:
                    raise InputError(f"{path}: is not a JSON object: {error}") from error
        return config

    def special_token(self, *fields, purpose):
        """The id of the first of these fields of tokenizer_config.json that names a token of the vocabulary."""
        for field in fields:
            token = self._config.get(field)
            token = token.get("content") if isinstance(token, dict) else token
            identity = self.encoder.token_to_id(token) if isinstance(token, str) else None
            if identity is not None:
                return identity
        names = " or ".join(fields)
        raise InputError(f"{self._folder}: its tokenizer_config.json names no {names} to {purpose} with")

    def encode(self, texts):
        """One array of ids a text."""
        batch = self.encoder.encode_batch_fast(texts, add_special_tokens=False)
        return [numpy.asarray(encoding.ids, dtype=self.dtype) for encoding in batch]
