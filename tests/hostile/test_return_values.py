"""Family A: answers that lie about what they are. Only exact types count, and every comparison is the grader's."""

from __future__ import annotations

import sys

import pytest

from .attacks import Attack, answer, assert_harmless, assert_outcome, cell, grade_table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hostile code runs in the sandbox of Linux only")

RIGHT = "e = np.exp(x - x.max(-1, keepdims=True)); p = e / e.sum(-1, keepdims=True); "

#: The entries of ATTACKS.md, by their ids.
LISTED = {
    "A-01": answer(
        """
        class Yes:
            __eq__ = lambda s, o: True
        def softmax(x): return Yes()
        """,
        "FFF",
        seen="Yes",
    ),
    "A-02": answer(
        """
        class Z(np.ndarray):
            __array_function__ = lambda s, f, t, a, k: True
        def softmax(x): return np.zeros(1).view(Z)
        """,
        "FFF",
        seen="an object of type Z",
    ),
    "A-04": answer(
        """
        def torch_softmax(x):
            t = torch.zeros_like(x)
            t.detach = t.double = t.numpy = t.cpu = t.contiguous = lambda *a: torch.softmax(x, -1)
            return t
        """,
        "FF",
        question="torch_softmax",
    ),
    "A-05": answer(
        """
        class S:
            __class__ = np.ndarray
            shape = (1, 3)
            dtype = np.dtype(float)
        def softmax(x): return S()
        """,
        "FFF",
    ),
    "A-07": answer("def softmax(x): return np.full(x.shape, np.inf)", "FFF", seen="infinity"),
    "A-08": answer("def softmax(x): return np.empty((0, 3))", "FFF", seen="has shape (0, 3), expected (1, 3)"),
    "A-10": answer(f"def softmax(x): {RIGHT} return p.tolist()", "FFF", seen="returned a list"),
    "A-11": answer("def softmax(x): yield from np.exp(x)", "FFF", seen="`yield`"),
    "A-13": answer("def loss(x): return '1.5'", "FFF", question="loss", seen="a text (str)"),
    "A-14": answer(f"def softmax(x): {RIGHT} return p + 0j", "FFF", seen="dtype complex128, expected float64"),
    "A-16": answer(f"def softmax(x): {RIGHT} return p.astype(np.float16)", "FFF", seen="has dtype float16"),
    "A-17": answer("def softmax(x): return np.ma.masked_all(x.shape)", "FFF", seen="a masked array"),
    "A-19": answer(
        "def loss(x): return torch.tensor(((x ** 2).sum()).item(), requires_grad=True, dtype=torch.float64)",
        "PPF",
        question="loss",
        seen="does not depend on it",
    ),
    "A-20": answer("def torch_softmax(x): return torch.empty(x.shape, device='meta')", "F.", question="torch_softmax"),
    "A-20 sparse": answer("def torch_softmax(x): return x.to_sparse()", "F.", question="torch_softmax"),
    "A-20 quantized": answer(
        "def torch_softmax(x): return torch.quantize_per_tensor(x.detach().float(), 0.1, 0, torch.quint8)",
        "F.",
        question="torch_softmax",
    ),
    "A-20 conjugate": answer(
        "def torch_softmax(x): return torch.complex(x, x).conj()", "FF", question="torch_softmax", seen="complex128"
    ),
    "A-22": answer("def softmax(x): return np.broadcast_to(0.0, (10**6, 10**6))", "FFF", seen="too large"),
    "A-23": answer(
        f"def softmax(x): {RIGHT} out = BUFFERS.setdefault(x.shape, np.empty(x.shape)); out[:] = p; return out",
        "PPP",
        before="BUFFERS = {}",
    ),
    "A-25": answer(
        "def loss(x): y = (x ** 2).sum(); x[x < 0] = 0; return y",
        "PFE",
        question="loss",
        seen="work on a copy",
    ),
    "A-25 on a leaf": answer(
        "def loss(x): x[x < 0] = 0; return (x ** 2).sum()", "FFE", question="loss", seen="raised RuntimeError"
    ),
    "A-26": answer(
        "def loss(x): x.grad = 2 * x.detach(); return (x.detach() ** 2).sum() + 0 * x.sum()",
        "PPF",
        question="loss",
        seen="Every element of the answer is zero",
    ),
}

_LIAR = """
class Liar(type):
    __eq__ = lambda s, o: True
    __hash__ = lambda s: hash(np.ndarray)
    __module__ = property(lambda s: "numpy")
    __name__ = property(lambda s: "ndarray")
    __instancecheck__ = __subclasscheck__ = lambda s, o: True
    mro = lambda s: type.mro(s)
"""

#: Our own.
INVENTED = {
    "metaclass that answers for an array": answer(
        "class A(metaclass=Liar):\n    shape, dtype = (1, 3), np.dtype(float)\ndef softmax(x): return A()",
        "FFF",
        before=_LIAR,
    ),
    "metaclass of a NumPy number": answer(
        "class N(np.float64, metaclass=Liar):\n    pass\ndef double(x): return N(2 * x) if type(x) is float else 2 * x",
        "PF",
        question="double",
        before=_LIAR,
    ),
    "subclass of a NumPy number from numpy": answer(
        'class N(np.float64):\n    __module__ = "numpy"\ndef double(x): return N(2 * x) if type(x) is float else 2 * x',
        "PF",
        question="double",
    ),
    "metaclass that raises": answer(
        "class R(type):\n    def __getattribute__(s, n): raise RuntimeError(n)\n"
        "class A(metaclass=R):\n    pass\ndef softmax(x): return A()",
        "FFF",
    ),
    "subclasses of Python's own": answer(
        "class D(float):\n    pass\ndef double(x): return D(2 * x) if type(x) is float else 2 * x",
        "PF",
        question="double",
        seen="an object of some other class",
    ),
    "subclasses in containers": answer(
        """
        class L(list): pass
        class D(dict): pass
        class S(str): __eq__ = lambda s, o: True; __hash__ = str.__hash__
        def train(w, X, y, lr=0.1): return L([w, D({S("a"): 1})])
        """,
        "FF",
        question="train",
    ),
    "key that is a text only by its word": answer(
        "class S(str):\n    __hash__ = lambda s: hash('a')\ndef softmax(x): return {S('a'): x}", "FFF"
    ),
    "object whose __dict__ raises": answer(
        """
        class O:
            __dict__ = property(lambda s: 1 / 0)
            __getattribute__ = __reduce_ex__ = __array__ = __len__ = __iter__ = lambda s, *a: 1 / 0
        def softmax(x): return O()
        """,
        "FFF",
    ),
    "object that is an array to NumPy": answer(
        f"""
        class O:
            __array__ = lambda s, *a, **k: P[0]
            __array_interface__ = property(lambda s: P[0].__array_interface__)
        def softmax(x):
            {RIGHT} P[:] = [p]
            return O()
        """,
        "FFF",
        before="P = []",
    ),
    "tensor subclass": answer(
        f"""
        class T(torch.Tensor):
            __torch_function__ = classmethod(lambda c, f, t, a=(), k=None: True)
        def torch_softmax(x): return {"torch.exp(x)"}.as_subclass(T)
        """,
        "F.",
        question="torch_softmax",
    ),
    "structured array": answer("def softmax(x): return np.zeros(3, [('a', float), ('b', object)])", "FFF"),
    "object array": answer("def softmax(x): return np.array([Evil()] * 3)", "FFF", before="class Evil: pass"),
    "array of texts and dates": answer(
        "def softmax(x): return np.array(['nan'] * 3) if len(x) < 2 else np.array(['2030-01-01'], 'M8[D]')", "FFF"
    ),
    "wide float": answer(f"def softmax(x): {RIGHT} return p.astype(np.longdouble)", "FFF"),
    "other byte order": answer(f"def softmax(x): {RIGHT} return p.astype('>f8')", "PPP"),
    "strides from behind": answer(f"def softmax(x): {RIGHT} return p[..., ::-1].copy()[..., ::-1]", "PPP"),
    "view of freed memory": answer(
        "def softmax(x): return np.frombuffer((__import__('ctypes').c_double * x.size)(), float).reshape(x.shape)",
        "FFF",
    ),
    "sixty axes": answer("def softmax(x): return np.zeros((1,) * 60)", "FFF"),
    "very deep list": answer(
        "def softmax(x):\n    deep = []\n    for _ in range(10**5): deep = [deep]\n    return deep", "FFF"
    ),
    "list that holds itself": answer("def softmax(x):\n    loop = []\n    loop.append(loop)\n    return loop", "FFF"),
    "very wide list": answer("def softmax(x): return [0.0] * 10**6", "FFF"),
    "many large arrays": answer("def softmax(x): return [np.zeros(10**6)] * 1000", "LLL|EEE", seen="softmax"),
    "huge number": answer("def double(x): return 10**10**5 if type(x) is float else 2 * x", "PF", question="double"),
    "huge text": answer("def softmax(x): return 'x' * 10**7", "FFF", seen="too long"),
    "nan for everything": answer("def softmax(x): return x * np.nan", "FFF", seen="nan"),
    "True for one": answer("def double(x): return True if type(x) is float else 2 * x", "PF", question="double"),
    "lone surrogate": answer("def softmax(x): return {'\\ud800\\x00': '\\udfff'}", "FFF"),
    "patched conversions": Attack(
        {"softmax": "def softmax(x): return [1]"},
        (
            """
            import struct, json, builtins, os
            np.asarray = np.array = np.copy = lambda *a, **k: None
            np.random.default_rng = json.dumps = json.loads = struct.pack = lambda *a, **k: 1 / 0
            torch.autograd.grad = lambda *a, **k: (torch.zeros(2, 3, dtype=torch.float64),)
            """,
        ),
        # Whoever breaks what cells and questions are answered with harms the own ones only.
        {
            "softmax": "...",
            **dict.fromkeys(["torch_softmax", "Model", "inverse", "train"], "PP|P.|.."),
            "loss": "PPP|PP.|P..|...",
        },
        cells={},
    ),
    "patched builtins": cell(
        """
        import builtins
        builtins.isinstance = builtins.issubclass = lambda *a: True
        builtins.type = builtins.len = builtins.abs = lambda *a: 0
        """,
        "ended the process",
    ),
    "patched builtins in a function": answer(
        """
        def double(x):
            import builtins
            builtins.isinstance = builtins.type = builtins.len = lambda *a: True
            return x
        """,
        "..",
        question="double",
    ),
}
TABLE = LISTED | INVENTED


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    return grade_table(TABLE, tmp_path_factory.mktemp("a"))


@pytest.mark.parametrize("name", TABLE)
def test_an_answer_is_what_it_is(batch, name):
    assert_outcome(batch.marks[name], TABLE[name])


def test_nobody_else_is_harmed(batch):
    assert_harmless(batch)
