"""Tables of advice: what a wrong type, class or dtype of an answer usually means.

Names of classes are as the job tells them: bare for those of Python and of the notebook, with their
module for others. They are known names, so a sentence from here may be told where the student's own
text may not.
"""

from __future__ import annotations

#: What a class of answer that cannot cross usually means, after "... returned": by exact type name.
RETURNED: dict[str, str] = {
    "generator": "a generator: did you write `yield` where `return` is meant?",
    "async_generator": "an async generator: did you write `yield` where `return` is meant?",
    "coroutine": "a coroutine: remove `async` in front of `def`.",
    "function": "a function: was it meant to be called, with parentheses?",
    "builtin_function_or_method": "a function: was it meant to be called, with parentheses?",
    "method": "a method: was it meant to be called, with parentheses?",
    "functools.partial": "a function: was it meant to be called, with parentheses?",
    "type": "a class: was an object of it meant, made with parentheses?",
    "module": "a module: was one of its functions meant?",
    "ellipsis": "`...`: the placeholder is still there.",
    "NotImplementedType": "NotImplemented: is a part still to be written?",
    "map": "a map object, which has computed nothing yet: make a list or an array of it.",
    "filter": "a filter object, which has computed nothing yet: make a list or an array of it.",
    "zip": "a zip object, which has computed nothing yet: make a list of it.",
    "enumerate": "an enumerate object, which has computed nothing yet: make a list of it.",
    "reversed": "a reversed object, which has computed nothing yet: use x[::-1].",
    "range": "a range: use np.arange(...) for an array or list(range(...)) for a list.",
    "dict_keys": "the keys of a dict as a view: use list(...).",
    "dict_values": "the values of a dict as a view: use list(...).",
    "dict_items": "the items of a dict as a view: use list(...).",
    "set": "a set, which has no order: use a list or a sorted array.",
    "frozenset": "a set, which has no order: use a list or a sorted array.",
    "bytes": "bytes: return the numbers, not their text or memory.",
    "bytearray": "a bytearray: return the numbers, not their memory.",
    "memoryview": "a memoryview: return the array itself.",
    "slice": "a slice: was it meant to index an array?",
    "int": "an integer that is too large to be right.",
    "str": "a text that is too long to be right.",
    "list": "a list that is too long or nested too deeply to be right.",
    "tuple": "a tuple that is too long or nested too deeply to be right.",
    "dict": "a dict that cannot be read: too large, nested too deeply, or with unusual keys.",
    "ndarray": "an array that cannot be read: its dtype is not one of numbers, or it is too large.",
    "Tensor": "a tensor that cannot be read: it is not dense, has no data, or is too large.",
    "Parameter": "a Parameter that cannot be read: it is not dense, has no data, or is too large.",
    "numpy.matrix": "a np.matrix, on which `*` and shapes work in another way: use np.array.",
    "numpy.memmap": "a np.memmap: use np.array(...) of it.",
    "numpy.recarray": "a record array: return a plain array of numbers.",
    "numpy.ma.MaskedArray": "a masked array: fill it with .filled(...) or do without np.ma.",
    "numpy.ma.core.MaskedArray": "a masked array: fill it with .filled(...) or do without np.ma.",
    "numpy.ma.core.MaskedConstant": "np.ma.masked, a number that is not there: do without np.ma.",
    "numpy.ma.MaskedConstant": "np.ma.masked, a number that is not there: do without np.ma.",
    "numpy.poly1d": "a polynomial object: return its coefficients or its values.",
    "torch.Size": "a torch.Size: use tuple(x.shape).",
    "torch.dtype": "a dtype: return the tensor, not its type.",
    "torch.device": "a device: return the tensor, not where it lies.",
    "torch.nn.parameter.UninitializedParameter": "a Parameter without data: give it a shape.",
    "torch.nn.parameter.Buffer": "a Buffer: return a plain tensor.",
    "torch.nn.utils.rnn.PackedSequence": "a packed sequence: return a padded tensor.",
    "torch.autograd.function.FunctionMeta": "an autograd.Function class: call its `apply`.",
    "pandas.core.frame.DataFrame": "a DataFrame: use .to_numpy().",
    "pandas.core.series.Series": "a Series: use .to_numpy().",
    "fractions.Fraction": "a Fraction: use float(...).",
    "decimal.Decimal": "a Decimal: use float(...).",
    "collections.OrderedDict": "an OrderedDict: return a plain dict.",
    "collections.defaultdict": "a defaultdict: return a plain dict.",
    "collections.Counter": "a Counter: return a plain dict.",
    "collections.deque": "a deque: return a list.",
}

#: Reasons that the job gives with what cannot cross, as advice: by what the reason starts with.
REASONS: dict[str, str] = {
    "it is not a dense tensor": "It is sparse or quantized: use .to_dense() or .dequantize().",
    "a meta tensor has no data": "It lies on the device meta: it has a shape and no data.",
    "its dtype is object": "Its dtype is object: lists of unequal length, or None, in np.array?",
    "its dtype is str": "It holds texts, not numbers.",
    "its keys are not": "Its keys are no texts or numbers.",
}

#: Advice for a kind of value in place of another, by (expected, actual).
INSTEAD: dict[tuple[str, str], str] = {
    ("array", "sequence"): "Make it an array with np.array(...).",
    ("array", "tensor"): "Use NumPy here, or .detach().numpy().",
    ("array", "dict"): "Return the array alone.",
    ("array", "text"): "Return the numbers, not their text.",
    ("tensor", "array"): "Use torch operations all the way, or torch.from_numpy(...).",
    (
        "tensor",
        "number",
    ): "Leave out .item() and float(...): keep the tensor, which autograd needs.",
    ("tensor", "sequence"): "Put the tensors together with torch.stack(...) or torch.cat(...).",
    ("tensor", "text"): "Return the numbers, not their text.",
    ("number", "tensor"): "Use .item() for the number in it.",
    ("number", "sequence"): "Return the number alone.",
    ("number", "text"): "Return the number, not its text.",
    ("sequence", "array"): "Return the values separated by commas, not put together in one array.",
    (
        "sequence",
        "tensor",
    ): "Return the values separated by commas, not put together in one tensor.",
    ("sequence", "number"): "Are all values behind `return`, separated by commas?",
    ("sequence", "dict"): "Return the values alone, in the order of the task.",
    ("dict", "sequence"): "Return a dict with the names of the task.",
    ("text", "number"): "Return a text.",
    ("none", "array"): "Nothing should be returned here.",
    ("none", "tensor"): "Nothing should be returned here.",
}

#: Tensor for Parameter and the reverse, by what was expected.
PARAMETERS: dict[str, str] = {
    "Parameter": "Wrap it in torch.nn.Parameter(...).",
    "Tensor": "Return the result of a computation, not the parameter itself.",
}

#: One family of dtypes in place of another, by (expected, actual).
DTYPE_ADVICE: dict[tuple[str, str], str] = {
    ("float", "float"): "Keep the dtype of the input: constants and new arrays bring their own.",
    (
        "float",
        "int",
    ): "A whole-number array cuts off what is written into it: create it as float.",
    ("float", "bool"): "A comparison gives True and False; the task asks for numbers.",
    ("int", "float"): "The task asks for whole numbers.",
    ("int", "bool"): "The task asks for whole numbers.",
    ("bool", "int"): "The task asks for True and False.",
    ("bool", "float"): "The task asks for True and False.",
    (
        "float",
        "complex",
    ): "Where does an imaginary part come from: the root of a negative number, an FFT?",
}
