"""What the terminal says."""

import io

from rich.console import Console

from simrt.checkers.verdict import Status
from simrt.report.text import check_lines, run_lines
from tests.report.checks import check_of, run_of, usual, verdict
from tests.report.synthetic import play, scenario


def shown(lines, terminal=False):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=400)
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)
    return file.getvalue()


def test_a_line_a_verdict_a_line_an_item_and_the_report(tmp_path):
    text = shown(check_lines(usual(tmp_path))).splitlines()
    assert len(text) == 8
    assert text[0].startswith("✓ pass")
    assert "Live admin notifications (live-admin-notifications): Good fit." in text[0]
    assert [line.split(". ")[0][-1] for line in text[1:7]] == list("123456")
    assert "— not applicable 6. The site's own validation is clean: No site is named." in text[6]
    assert text[7] == f"  Report: {tmp_path / 'report.html'}"
    assert len(check_lines(usual())) == 7


def test_plain_without_a_terminal_and_coloured_on_one():
    lines = check_lines(usual())
    assert "\x1b" not in shown(lines)
    assert "[green]" not in shown(lines)
    assert "\x1b[32m" in shown(lines, terminal=True)


def test_what_others_wrote_is_no_markup_and_no_control_sequence():
    evil = "[red]no[/red] [/] \x1b[2J\r\nsecond line \\"
    scene = scenario(title=evil)
    bad = verdict("loss", check=evil, status=Status.FAIL, sentence=evil, evidence=(evil,) * 9)
    check = check_of([play(scene)], scene, extra=[bad], sentence=evil)
    for lines in (check_lines(check), run_lines(check.runs[0])):
        for terminal in (False, True):
            text = shown(lines, terminal)
            assert text.count("\n") == len(lines)
            assert "[red]no[/red] [/]" in text
            assert "\x1b[2J" not in text


def test_a_run_says_each_verdict_and_why_one_failed():
    run = run_of(play())
    lines = shown(run_lines(run)).splitlines()
    assert lines[0].endswith("Live admin notifications on sim, seed 1")
    assert "  ✓ pass           loss: Each lost event is explained. (40 judged)" in lines
    bad = verdict("loss", status=Status.FAIL, evidence=tuple("abcde"))
    from dataclasses import replace

    lines = shown(run_lines(replace(run, verdicts=(bad,)))).splitlines()
    assert lines[0].startswith("✗ fail")
    assert [line.strip() for line in lines[2:]] == ["a", "b", "c"]
