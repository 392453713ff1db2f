"""Tiny models as exporters write them: BERT, RoBERTa and DeBERTa by their tokenizers, inputs and configs.

Each has an embedding, one layer of self-attention with a mask, and a head; weights are set so that the word "awful"
lights up label 1 and "nice" label 2 of texts, and "paris" label 1 (B-LOC) of tokens.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

WORDS = ["you", "are", "awful", "nice", "paris", "in", "is", "word", "a", "the"]


def bert_tokenizer() -> Tokenizer:
    vocabulary = {token: number for number, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def roberta_tokenizer() -> Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *letters])}
    merges: list[tuple[str, str]] = []
    for word in (f"Ġ{word}" for word in WORDS):
        for length in range(2, len(word) + 1):
            if word[:length] not in vocabulary:
                vocabulary[word[:length]] = len(vocabulary)
                merges.append((word[: length - 1], word[length - 1]))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=True
    )
    return tokenizer


def deberta_tokenizer() -> Tokenizer:
    pieces = [("[PAD]", 0.0), ("[CLS]", 0.0), ("[SEP]", 0.0), ("[UNK]", 0.0)]
    pieces += [(f"▁{word}", -1.0) for word in WORDS] + [("▁", -3.0)] + [(chr(code), -5.0) for code in range(97, 123)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return tokenizer


TOKENIZERS = {"bert": bert_tokenizer, "roberta": roberta_tokenizer, "deberta-v2": deberta_tokenizer}


def graph(size: int, lights: dict[int, int], labels: int, inputs: list[str], tokens: bool) -> onnx.ModelProto:
    """`lights`: token number -> the label that it lights up."""
    width = labels + 1
    table = np.zeros((size, width), np.float32)
    table[:, 0] = 0.5
    for token, label in lights.items():
        table[token, label] = 4.0
    head = np.zeros((width, labels), np.float32)
    head[:labels, :labels] = np.eye(labels) * 2
    constants = {
        "table": table, "head": head, "bias": np.float32([1.0] + [-1.0] * (labels - 1)), "one": np.float32([1.0]),
        "much": np.float32([1e4]), "last": np.int64([2]), "middle": np.int64([1]), "scale": np.float32([0.1]),
    }  # fmt: skip
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["x"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["mask", "one"], ["hidden"]),
        helper.make_node("Mul", ["hidden", "much"], ["penalty"]),
        helper.make_node("Unsqueeze", ["penalty", "middle"], ["row_penalty"]),
        helper.make_node("Transpose", ["x"], ["xt"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["x", "xt"], ["scores"]),
        helper.make_node("Add", ["scores", "row_penalty"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["attention"], axis=-1),
        helper.make_node("MatMul", ["attention", "x"], ["context"]),
        helper.make_node("Mul", ["context", "scale"], ["little"]),
        helper.make_node("Add", ["little", "x"], ["states"]),
    ]
    if tokens:
        nodes += [helper.make_node("MatMul", ["states", "head"], ["raw"])]
    else:
        nodes += [
            helper.make_node("Unsqueeze", ["penalty", "last"], ["column_penalty"]),
            helper.make_node("Add", ["states", "column_penalty"], ["seen"]),
            helper.make_node("ReduceMax", ["seen", "middle"], ["pooled"], keepdims=0),
            helper.make_node("MatMul", ["pooled", "head"], ["raw"]),
        ]
    nodes.append(helper.make_node("Add", ["raw", "bias"], ["logits"]))
    shape = ["batch", "sequence", labels] if tokens else ["batch", labels]
    made = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in inputs],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model


def export(folder: Path, kind: str, tokens: bool = False, **config: object) -> Path:
    """Write one model into `folder`; `config` replaces entries of config.json (None leaves one out)."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = TOKENIZERS[kind]()
    lit = {"paris": 1} if tokens else {"awful": 1, "nice": 2}
    lights = {tokenizer.encode(word).ids[1]: label for word, label in lit.items()}
    if kind == "roberta":
        lights = {tokenizer.token_to_id(f"Ġ{word}"): label for word, label in lit.items()}
    inputs = ["input_ids", "attention_mask"] + ([] if kind == "roberta" else ["token_type_ids"])
    size = tokenizer.get_vocab_size()
    labels = ["O", "B-LOC", "I-LOC"] if tokens else ["neutral", "toxic", "kind"]
    onnx.save(graph(size, lights, len(labels), inputs, tokens), str(folder / "model.onnx"))
    tokenizer.save(str(folder / "tokenizer.json"))
    whole = {
        "model_type": kind,
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "max_position_embeddings": 34 if kind == "roberta" else 32,
        "vocab_size": size,
        "pad_token_id": 1 if kind == "roberta" else 0,
        **config,
    }
    (folder / "config.json").write_text(json.dumps({key: value for key, value in whole.items() if value is not None}))
    return folder
