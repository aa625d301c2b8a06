"""Public checks of ctc_loss; run them with grader.check("ctc_loss")."""

import copy
from typing import Any

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False

name = "ctc_loss"
points = [0.55, 0.55]


def _defined(name: str, value: Any) -> None:
    """Fail with a clear sentence where the notebook has no answer yet."""
    if value is None:
        raise AssertionError(f"{name} is not defined. Run the cell that defines it.")
    if value is ...:
        raise AssertionError(f"{name} is still `...`. Replace it by your answer.")


def _run(function: Any, args: Any, kwargs: Any) -> Any:
    """Call the function; an exit() in it must not end the notebook."""
    try:
        return function(*args, **kwargs)
    except SystemExit:
        raise AssertionError("Your code calls exit(). Remove that.") from None


def _call(function: Any, args: Any, kwargs: Any, times: int = 1) -> dict[str, Any]:
    """The output of the function; called more than once, also its inputs as they look afterwards."""
    answer = {}
    for i in range(times):
        now_args, now_kwargs = copy.deepcopy((args, kwargs))
        output = copy.deepcopy(_run(function, now_args, now_kwargs))
        if times == 1:
            return {"output": output}
        answer[f"output of call {i + 1}"] = output
        for label, value in _named(now_args, now_kwargs).items():
            if _has_arrays(value):
                answer[f"input {label} after call {i + 1}"] = value
    return answer


def _named(args: Any, kwargs: Any) -> dict[str, Any]:
    """All arguments by name; those without one by their position."""
    return {**{str(i): value for i, value in enumerate(args)}, **kwargs}


def _has_arrays(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_has_arrays(item) for item in value)
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _compare(expected: Any, answer: Any, allowed: Any) -> None:
    """Fail at the first part of the answer that is not as expected; `allowed` holds tolerances."""
    for part in expected:
        _compare_value(part, expected[part], answer.get(part), allowed, 0.0)


def _compare_value(path: str, expected: Any, actual: Any, allowed: Any, outer: Any) -> None:
    tolerance = allowed.get(path, outer)
    if _kind(expected) != _kind(actual):
        hint = " Does autograd reach it?" if path.startswith("gradient") and actual is None else ""
        raise AssertionError(f"{path}: expected {_kind(expected)}, got {_kind(actual)}.{hint}")
    if isinstance(expected, dict):
        if set(expected) != set(actual):
            names, found = list(expected), list(actual)
            raise AssertionError(f"{path}: expected the names {names}, got {found}.")
        for key in expected:
            _compare_value(f"{path}[{key!r}]", expected[key], actual[key], allowed, tolerance)
    elif isinstance(expected, (list, tuple)):
        if len(expected) != len(actual):
            raise AssertionError(f"{path}: expected {len(expected)} items, got {len(actual)}.")
        for i in range(len(expected)):
            _compare_value(f"{path}[{i}]", expected[i], actual[i], allowed, tolerance)
    elif expected is None or isinstance(expected, str):
        if expected != actual:
            raise AssertionError(f"{path}: expected {expected!r}, got {actual!r}.")
    else:
        shape, found = np.shape(expected), np.shape(actual)
        if tuple(shape) != tuple(found):
            raise AssertionError(f"{path}: expected shape {tuple(shape)}, got {tuple(found)}.")
        if not _fits(expected, actual):
            raise AssertionError(f"{path}: expected {_dtype(expected)}, got {_dtype(actual)}.")
        _compare_numbers(path, _numbers(expected), _numbers(actual), tolerance)


def _compare_numbers(path: str, expected: Any, actual: Any, tolerance: Any) -> None:
    absolute, relative = tolerance if isinstance(tolerance, tuple) else (tolerance, 0.0)
    with np.errstate(all="ignore"):
        same = (expected == actual) | ((expected != expected) & (actual != actual))  # nan meets nan
        if absolute or relative:
            wide = np.complex128 if "c" in expected.dtype.kind + actual.dtype.kind else np.float64
            left, right = expected.astype(wide), actual.astype(wide)
            near = np.abs(right - left) <= absolute + relative * np.abs(left)
            same |= near & np.isfinite(left)
    wrong = np.argwhere(~same)
    if len(wrong):
        at = tuple(map(int, wrong[0]))
        count = f"{len(wrong)} of {same.size} numbers are wrong; at {list(at)} " if at else ""
        hint = " Does your code write into its input?" if path.startswith("input") else ""
        raise AssertionError(f"{path}: {count}expected {expected[at]}, got {actual[at]}.{hint}")


def _kind(value: Any) -> str:
    """The type in words: numbers of Python and NumPy are one type, and so are lists and tuples."""
    if type(value) in (list, tuple):
        return "a list or tuple"
    if isinstance(value, (int, float, complex, np.generic)) or type(value) is np.ndarray:
        return "a NumPy array" if np.ndim(value) else "a number"
    return "None" if value is None else f"a {type(value).__name__}"


def _dtype(value: Any) -> str:
    return str(getattr(value, "dtype", type(value).__name__))


def _fits(expected: Any, actual: Any) -> bool:
    """Equal dtypes; for single numbers, Python's count as NumPy's, and any integer type will do."""
    wanted, found = _dtype(expected), _dtype(actual)
    if wanted == found or _kind(expected) != "a number":
        return wanted == found
    if wanted.startswith(("float", "complex")):
        mates = {"float64": "float", "complex128": "complex"}
        return found in ("float", "int") or mates.get(found, found) == mates.get(wanted, wanted)
    return "int" in wanted and "int" in found


def _numbers(value: Any) -> Any:
    """The elements as a NumPy array, wide enough to subtract."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


@test_case(
    name='the worked example',
    points=0.55,
    hidden=False,
    success_message='Right.',
    failure_message='Write down all paths of two slices that stand for the target.',
)
def check_1(ctc_loss):
    _defined("ctc_loss", ctc_loss)
    args = []
    kwargs = {
        'log_probs': np.array([
            [[-0.916290731874155, -0.5108256237659907]],
            [[-0.916290731874155, -0.5108256237659907]],
        ], dtype="float64"),
        'targets': np.array([[1]], dtype="int64"),
        'input_lengths': np.array([2], dtype="int64"),
        'target_lengths': np.array([1], dtype="int64"),
    }
    answer = _call(ctc_loss, args, kwargs)
    expected = {'output': np.float64(0.17435338714477772)}
    allowed = {'output': 2.1823783063783812e-14}
    _compare(expected, answer, allowed)


@test_case(
    name='texts of two and three letters',
    points=0.55,
    hidden=False,
    success_message='Right.',
    failure_message='From which states may a path come?',
)
def check_2(ctc_loss):
    _defined("ctc_loss", ctc_loss)
    args = []
    kwargs = {
        'log_probs': np.array([
            [
                [
                    -0.7885792655913618, -2.410460512367451, -2.4855521521031827,
                    -0.9876351562593864,
                ],
                [
                    -1.6890983892431293, -2.454181350032856, -1.1936992784724922,
                    -0.8526528282875518,
                ],
                [
                    -0.868251537761464, -1.8659373554174428, -1.4846234939169316,
                    -1.6145682115917785,
                ],
            ],
            [
                [
                    -1.1191260778872794, -3.008331878170905, -2.0138738876671813,
                    -0.7121458293109153,
                ],
                [
                    -2.0980232998379353, -0.4743556983507995, -1.5142947539160487,
                    -3.350918406821351,
                ],
                [
                    -2.565934741428552, -1.2320110557617898, -1.5318417611362203,
                    -0.8787297957147999,
                ],
            ],
            [
                [
                    -2.2231194907792875, -1.0886357440217824, -0.6220486525938327,
                    -4.005774947169752,
                ],
                [
                    -0.774865697451496, -1.7703868917548555, -2.404772759494744,
                    -1.277686694829259,
                ],
                [
                    -2.6904032576832115, -0.954053361848886, -0.8743508663336826,
                    -2.041474482948205,
                ],
            ],
            [
                [
                    -2.654658097900753, -1.1558894605057175, -1.3709415306959134,
                    -1.0187890447620886,
                ],
                [
                    -2.6514547828656614, -1.5618169094474905, -1.8963951548956879,
                    -0.5628417919049957,
                ],
                [
                    -1.3134188922948655, -1.3008727694737803, -3.1402382473067894,
                    -0.8781900503105757,
                ],
            ],
            [
                [
                    -0.5217687985433245, -1.6258865720658355, -2.1524336396160177,
                    -2.3688113150567567,
                ],
                [
                    -2.0566132825228216, -0.7210058525506535, -2.9118406254190132,
                    -1.104202301834829,
                ],
                [-2.768221840493171, -1.0335948282079, -0.965104860468223, -1.6066551107191687],
            ],
            [
                [
                    -2.3250438150624237, -0.3136614805552803, -2.389082704351283,
                    -2.528975141283045,
                ],
                [
                    -2.5234678638981696, -2.0833856836352895, -1.5673040870796762,
                    -0.5332345572962518,
                ],
                [
                    -1.5791984283456717, -1.7840641388498635, -0.6303642076848617,
                    -2.369711490444579,
                ],
            ],
        ], dtype="float64"),
        'targets': np.array([[3, 3], [1, 1], [2, 2]], dtype="int64"),
        'input_lengths': np.array([6, 6, 6], dtype="int64"),
        'target_lengths': np.array([2, 2, 2], dtype="int64"),
        'reduction': 'none',
    }
    answer = _call(ctc_loss, args, kwargs)
    expected = {
        'output': np.array([
            6.0506360148551765, 5.8020097444760825, 4.915383185647466,
        ], dtype="float64"),
    }
    allowed = {'output': 7.071631390933549e-13}
    _compare(expected, answer, allowed)
    args = []
    kwargs = {
        'log_probs': np.array([
            [
                [
                    -2.1821069024525848, -1.0375236101870402, -0.7464360461192381,
                    -2.8334046185855923,
                ],
                [
                    -0.9423188687942962, -2.252928434153323, -1.1609662147438882,
                    -1.6502470093718635,
                ],
                [
                    -1.3593429732557119, -2.353165236569162, -0.7583211671138927,
                    -1.7167417543483479,
                ],
            ],
            [
                [
                    -0.43254369477838495, -2.1640788004970535, -1.8219049702116374,
                    -2.5960113955198665,
                ],
                [
                    -1.5226779421272636, -2.856763749029692, -0.9389209112338548,
                    -1.0985051571736397,
                ],
                [
                    -1.6659845354814788, -1.3057109388544081, -1.2175888067204732,
                    -1.4102886720510912,
                ],
            ],
            [
                [
                    -1.8856214031147214, -0.932621772173495, -2.167176872644387,
                    -1.0780916464081258,
                ],
                [
                    -0.9478781642199215, -2.356490887556175, -2.0470564172935277,
                    -0.9452794635460549,
                ],
                [
                    -0.38111260949985315, -3.2632688739998876, -1.4596784525462307,
                    -3.072074357517344,
                ],
            ],
            [
                [
                    -1.51916292044926, -1.0765184545591666, -0.9988401422915011,
                    -2.6308297881080414,
                ],
                [
                    -1.482583203447568, -1.8907902377148482, -1.5955588835225212,
                    -0.8694024801494356,
                ],
                [
                    -0.5099553077843328, -1.7354598765407487, -2.8021101280885343,
                    -1.8172212531402043,
                ],
            ],
            [
                [
                    -2.3485191570270714, -1.1989806716311868, -1.8091323083840676,
                    -0.8228187805381293,
                ],
                [
                    -2.042160911555697, -4.11027405883922, -0.7157099492335859,
                    -1.0078476395219766,
                ],
                [
                    -0.1978346603632295, -2.8911494646271714, -4.494504338009689,
                    -2.1820333277860664,
                ],
            ],
            [
                [
                    -2.7194087343509334, -1.1197010403553915, -0.720717992522105,
                    -2.10943872010935,
                ],
                [
                    -0.40530029993230077, -2.8046568932649283, -1.4887168531058248,
                    -3.0568868781637617,
                ],
                [
                    -1.7812634596917476, -0.8944948420279311, -2.2067131133511637,
                    -1.1625145061352777,
                ],
            ],
        ], dtype="float64"),
        'targets': np.array([[1, 1, 3], [3, 3, 2], [2, 2, 1]], dtype="int64"),
        'input_lengths': np.array([6, 6, 6], dtype="int64"),
        'target_lengths': np.array([3, 3, 3], dtype="int64"),
        'reduction': 'none',
    }
    answer = _call(ctc_loss, args, kwargs)
    expected = {
        'output': np.array([
            4.698322142416076, 3.4448151853968527, 4.506946434950045,
        ], dtype="float64"),
    }
    allowed = {'output': 5.548837670634138e-13}
    _compare(expected, answer, allowed)
