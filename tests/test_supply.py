"""What the pipeline stands on, and what it refuses to do with data of unknown origin."""

from __future__ import annotations

import ast
import pickle
import re
import subprocess
import threading
import time
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import yaml
from experiments import minimal

from pipeline.commands import audit, licences
from pipeline.errors import ExperimentError, InputError
from pipeline.experiment import load_experiment

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path
    for folder in ("pipeline", "workflow/scripts")
    for path in (REPOSITORY / folder).rglob("*.py")
)


def tracked() -> list[str]:
    """The files of the repository, as git has them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("no git repository: an unpacked archive")
    return [name for name in listed.stdout.split("\0") if name]


# -- licences -----------------------------------------------------------------------------------


def test_the_page_of_licences_is_in_step_with_the_lock():
    pins = licences.locked(licences.LOCK.read_text())
    table = _page().partition("## Packages of the lock")[2].partition("|---|")[2]
    rows = re.findall(r"^\| ([a-z0-9-]+) \| (\S+) \| ([^|]+) \| [a-z ]+ \|$", table, re.M)
    assert {name: version for name, version, _ in rows} == pins, "run: make licences"
    assert all(licence.strip() and licence != "not stated" for *_, licence in rows)


def _page() -> str:
    return licences.PAGE.read_text()


def test_the_page_says_what_the_installed_packages_say():
    pins = licences.locked(licences.LOCK.read_text())
    installed = {name: v for name, v in pins.items() if licences.licence_of(name) is not None}
    assert len(installed) > 100
    for package, version in installed.items():
        assert licences.row(package, version) in _page(), f"run: make licences ({package})"


def test_what_comes_inside_other_packages_is_named():
    import axe_playwright_python
    import vl_convert

    page = _page()
    axe = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()[:800]
    assert "Mozilla Public" in axe  # as the page says
    assert "| axe-core | axe-playwright-python (MIT) | MPL-2.0 |" in page
    assert f"| Vega {vl_convert.get_vega_version()}, Vega-Lite, Vega-Embed" in page


def test_a_package_that_is_not_installed_is_not_guessed():
    with pytest.raises(LookupError, match="no-such-package: not installed"):
        licences.row("no-such-package", "1")


# -- advisories ---------------------------------------------------------------------------------


def answers(*named: str):
    """An advisory source that knows of one advisory on each of these packages."""

    def ask(question):
        found = [{"vulns": [{"id": f"PYSEC-{q['package']['name']}"}]} for q in question["queries"]]
        names = [q["package"]["name"] for q in question["queries"]]
        return {"results": [f if n in named else {} for n, f in zip(names, found, strict=True)]}

    return ask


def test_an_advisory_fails_the_check_until_it_is_accepted(monkeypatch, tmp_path, capsys):
    assert audit.main(ask=answers("numpy")) == 1
    assert re.search(r"numpy \S+: PYSEC-numpy .*NOT ACCEPTED", capsys.readouterr().out)
    file = tmp_path / "advisories.txt"
    file.write_text("# read by hand\nPYSEC-numpy only of a function that nothing here calls\n")
    monkeypatch.setattr(audit.accepted, "__defaults__", (file,))
    assert audit.main(ask=answers("numpy")) == 0
    assert audit.main(ask=answers("numpy", "scipy")) == 1
    assert audit.main(ask=answers()) == 0
    assert f"Checked {len(licences.locked(licences.LOCK.read_text()))} packages" in (
        capsys.readouterr().out
    )


def test_an_accepted_advisory_needs_a_reason(tmp_path):
    (tmp_path / "advisories.txt").write_text("PYSEC-1\nPYSEC-2 because\n")
    assert audit.accepted(tmp_path / "advisories.txt") == {"PYSEC-2": "because"}


@pytest.mark.parametrize("answer", [URLError("no name"), [], {}, {"results": [{}]}])
def test_without_an_answer_the_check_says_so_and_passes(answer, capsys):
    def ask(question):
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert audit.main(ask=ask) == 0
    assert capsys.readouterr().out.startswith("NOT CHECKED: ")


def test_a_source_that_never_answers_does_not_hold_us_up(capsys):
    forever = threading.Event()
    began = time.monotonic()
    assert audit.main(ask=lambda question: forever.wait(30), deadline_s=0.2) == 0
    assert time.monotonic() - began < 5
    forever.set()
    assert "no answer within 0.2 s" in capsys.readouterr().out


# -- no code from data or config ----------------------------------------------------------------

#: modules that run or unpack what they are given, or use a network
IMPORTS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "code"}
NETWORK = {"socket", "urllib", "http", "ftplib", "smtplib", "requests", "urllib3", "aiohttp"}
NETWORK |= {"pooch", "xmlrpc", "telnetlib", "ssl"}
#: the one module that asks a server, on request only
MAY_ASK = {"pipeline/commands/audit.py"}
#: functions that run text as code
RUNNERS = {"eval", "exec", "compile", "__import__", "execfile"}
#: attributes of libraries that do, or that unpickle: probe files of the kind .prb are Python code
METHODS = {"system", "popen", "read_pickle", "to_pickle", "read_prb", "PickleIO"}
METHODS |= {"unsafe_load", "full_load", "UnsafeLoader", "FullLoader", "load_module", "spawnl"}
#: a name in import_module(...) that is made of our own tables, never of data
OWN_NAMES = re.compile(r"f'(pipeline\.|\{__name__\}\.)")


def called(node: ast.Call) -> tuple[str, str]:
    """What is called: (object or "", name)."""
    if isinstance(node.func, ast.Attribute):
        return ast.unparse(node.func.value), node.func.attr
    return "", node.func.id if isinstance(node.func, ast.Name) else ""


def offences(text: str, *, may_ask: bool = False) -> list[str]:
    """What a source does that could run what stands in data or config."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names]
            top = {name.split(".")[0] for name in names}
            found += sorted(top & (IMPORTS if may_ask else IMPORTS | NETWORK))
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            found.append(node.attr)
        if isinstance(node, ast.Name) and node.id in METHODS:
            found.append(node.id)
        if not isinstance(node, ast.Call):
            continue
        place, name = called(node)
        stated = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if not place and name in RUNNERS:
            found.append(name)
        if stated.get("shell", "False") != "False":
            found.append("shell")
        if stated.get("allow_pickle", "False") != "False":
            found.append("allow_pickle")
        if (place, name) == ("yaml", "load") and not _safe(node, stated):
            found.append("yaml.load")
        if place in ("np", "numpy") and name == "load" and stated.get("allow_pickle") != "False":
            found.append("np.load")  # its default may change: it is said
        if place == "torch" and name == "load":
            found.append("torch.load")
        own = name == "import_module" and OWN_NAMES.match(ast.unparse(node.args[0]))
        if name == "import_module" and not own:
            found.append("import_module")
    return found


def _safe(node: ast.Call, stated: dict[str, str]) -> bool:
    loader = stated.get("Loader") or (ast.unparse(node.args[1]) if len(node.args) > 1 else "")
    return loader in ("yaml.SafeLoader", "yaml.CSafeLoader", "SafeLoader")


def test_no_source_runs_what_it_reads():
    names = {str(path.relative_to(REPOSITORY)): path.read_text() for path in SOURCES}
    assert set(names) > MAY_ASK
    found = {name: offences(text, may_ask=name in MAY_ASK) for name, text in names.items()}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    "text",
    [
        "eval(cell)",
        "exec(open(p).read())",
        "import pickle",
        "from joblib import load",
        "import yaml; yaml.load(text)",
        "import yaml; yaml.load(text, Loader=yaml.UnsafeLoader)",
        "import yaml; yaml.full_load(text)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(command, shell=True)",
        "subprocess.run(command, shell=wanted)",
        "os.system(command)",
        "pd.read_pickle(path)",
        "torch.load(path)",
        "import_module(config.name)",
        "__import__(name)",
        "import urllib.request",
        "probeinterface.read_prb(path)",
    ],
)
def test_the_search_finds_what_it_looks_for(text):
    assert offences(text)


def test_rules_have_no_run_blocks_and_quote_what_they_hand_to_a_shell():
    """The config's path is the one value of the lab that a shell sees, and it is quoted (:q)."""
    shells = []
    for path in [REPOSITORY / "Snakefile", *sorted((REPOSITORY / "workflow").rglob("*.smk"))]:
        text = path.read_text()
        assert not re.search(r"^\s*run:", text, re.M), path.name
        # what is called as shell(...) in Python would pass around the check below
        assert not re.search(r"\bshell\s*\(", text), path.name
        shells += re.findall(r"^\s+shell:\s*\n((?:\s+[\"'].*\n)+)", text, re.M)
    assert len(shells) == 1
    fields = re.findall(r"\{([^}]*)\}", shells[0])
    assert len(fields) == 4
    assert all(field.endswith(":q") for field in fields), fields


HOSTILE = "!!python/object/apply:os.system ['touch {mark}']"


def test_a_config_with_code_in_it_runs_nothing(tmp_path):
    path = minimal(tmp_path / "lab")
    mark = tmp_path / "mark"
    text = path.read_text().replace("title: Test", f"title: {HOSTILE.format(mark=mark)}")
    assert "!!python" in text
    path.write_text(text)
    with pytest.raises(ExperimentError, match="python/object/apply"):
        load_experiment(path)
    assert not mark.exists()


def test_text_of_the_config_and_of_tables_is_text(tmp_path):
    """What would be a command, a template or a formula elsewhere is a title here."""
    mark = tmp_path / "mark"
    title = f"$(touch {mark}) `touch {mark}` {{{{ 7 * 7 }}}} {{config}} ; touch {mark}"
    path = minimal(tmp_path / "lab")
    config = yaml.safe_load(path.read_text())
    config["experiment"]["title"] = title
    path.write_text(yaml.safe_dump(config))
    assert load_experiment(path).plan.title == title
    assert not mark.exists()


class Touch:
    """Unpickling one makes a file."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


def _phy(folder: Path) -> Path:
    from pipeline.simulate.writers import write_phy

    trains = [np.arange(1, 50) / 10.0] * 2
    write_phy(folder, spike_times_s=trains, rate_hz=30_000.0, region=["CA1"] * 2)
    return folder


def test_an_array_of_objects_among_units_is_refused_unread(tmp_path):
    from pipeline.ingest.units import read_units

    folder, mark = _phy(tmp_path / "phy"), tmp_path / "mark"
    np.save(folder / "spike_times.npy", np.array([Touch(mark)], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"spike_times\.npy"):
        read_units(folder)
    assert not mark.exists()


def test_params_py_of_a_sorting_is_read_not_run(tmp_path):
    from pipeline.ingest.units import read_units

    folder, mark = _phy(tmp_path / "phy"), tmp_path / "mark"
    params = folder / "params.py"
    call = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    params.write_text(f"{params.read_text()}\n{call}\n")
    assert read_units(folder).unit_id
    params.write_text(params.read_text().replace("30000", call))
    with pytest.raises(InputError):
        read_units(folder)
    assert not mark.exists()


def test_an_array_of_objects_in_a_recording_is_refused_unread(tmp_path):
    from pipeline.ingest.recording import open_recording
    from pipeline.simulate.writers import write_openephys

    mark, folder = tmp_path / "mark", tmp_path / "rec"
    signals = np.zeros((2000, 1), dtype=np.float32)
    write_openephys(folder, signals, rate_hz=1000.0, channels=["CH1"])
    (numbers,) = folder.rglob("continuous/*/sample_numbers.npy")
    np.save(numbers, np.array([Touch(mark)] * 2000, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="never loaded"):
        open_recording(folder, format="openephys")
    assert not mark.exists()
    with pytest.raises(InputError):
        (tmp_path / "rec.pkl").write_bytes(pickle.dumps(Touch(mark)))
        open_recording(tmp_path / "rec.pkl")
    assert not mark.exists()


# -- secrets ------------------------------------------------------------------------------------

#: names under which secrets lie
SECRET_FILE = re.compile(
    r"(^|/)(\.env(\..*)?|\.netrc|\.pypirc|id_(rsa|dsa|ecdsa|ed25519)|credentials(\..*)?)$"
    r"|\.(key|pem|p12|pfx|keystore|kdbx)$"
)
#: what secrets look like
SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\bpypi-[A-Za-z0-9_-]{50,}|\bxox[baprs]-[A-Za-z0-9-]{20,}|^key [0-9a-f]{64}$"
    r"|https?://[^/\s:@]+:[^/\s:@]+@",
    re.M,
)


def test_no_file_of_the_repository_looks_like_a_secret():
    names = tracked()
    assert len(names) > 300
    assert [name for name in names if SECRET_FILE.search(name)] == []
    for name in names:
        path = REPOSITORY / name
        if path.is_file() and path.stat().st_size < 500_000:
            found = SECRET_TEXT.search(path.read_bytes().decode("utf-8", errors="replace"))
            assert not found, f"{name}: {found[0][:20]}..."


def test_what_looks_like_a_secret_is_known():
    for name in ("blinding.key", "config/x.pem", ".env", "lab/.netrc", "id_ed25519"):
        assert SECRET_FILE.search(name)
    for text in ("key " + "0a" * 32, "-----BEGIN RSA " + "PRIVATE KEY-----", "AKIA" + "A" * 16):
        assert SECRET_TEXT.search(text)


def test_the_key_of_a_blind_run_is_never_committed():
    """Wherever the lab's config lies, git passes the key over."""
    tracked()
    for place in ("blinding.key", "config/blinding.key", "config/examples/x/blinding.key"):
        ignored = subprocess.run(
            ["git", "check-ignore", "-q", "--no-index", place], cwd=REPOSITORY, check=False
        )
        assert ignored.returncode == 0, place


def test_the_key_of_a_blind_run_is_for_its_owner_alone_and_is_never_shown(tmp_path, capsys):
    from pipeline.commands.check import check
    from pipeline.experiment.blinding import key_of, key_path

    path = minimal(tmp_path / "lab", config={"statistics": {"blind": True}})
    key = key_of(path)
    assert key_path(path).stat().st_mode & 0o777 == 0o600
    check(path)
    said = capsys.readouterr()
    assert key.secret.hex() not in said.out + said.err + repr(load_experiment(path))
