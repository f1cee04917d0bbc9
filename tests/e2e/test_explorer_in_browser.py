"""The explorer in a headless Chromium, opened from the disk. Skipped without one.

pip install titn[browser], and a Chromium on the PATH or in $TITN_CHROMIUM.
"""

import csv
import io
import os
import re
import shutil
from urllib.parse import quote

import pytest
from generated_runs import generated_contents

from titn.reporting.explorer.page import page as rendered

sync_api = pytest.importorskip("playwright.sync_api", reason="pip install titn[browser]")
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("TITN_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")

RUNS, CLASSES = 40, 10
HOSTILE = "</script><img src=x onerror='window.hurt = 1'>&amp;<b>"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Forty runs; a class, a model and a setting have names that would be markup."""
    contents = generated_contents(RUNS, images=200, classes=CLASSES, epochs=12)
    columns = {column["key"]: column for column in contents.table["columns"]}
    columns["model"]["words"][0] = HOSTILE
    columns["augment.word1"]["words"][0] = HOSTILE
    contents.table["sets"][0]["classes"][0] = HOSTILE
    columns["top1"]["values"][3] = None
    path = tmp_path_factory.mktemp("explorer") / "explorer.html"
    path.write_text(rendered(contents), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        # A browser of root has no sandbox of its own; the page is ours.
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, file):
    """Opens the page at an address; at the end nothing was complained of, nor asked for."""
    complaints, asked = [], []

    def at(fragment="", width=1200, scheme="light", path=file):
        page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type in ("error", "warning")
                and complaints.append(said.text))  # fmt: skip
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{path.as_uri()}#{fragment}")
        page.wait_for_selector("html[data-ready]")
        return page

    yield at
    for context in browser.contexts:
        context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def shown(page, column):
    """The texts of a column of the table, from the top."""
    heads = page.locator("#table thead th").all_inner_texts()
    (place,) = [index for index, head in enumerate(heads) if head.rstrip(" ▲▼") == column]
    return page.locator(f"#table tbody tr td:nth-child({place + 1})").all_inner_texts()


def downloaded(page, button):
    with page.expect_download() as waiting:
        page.click(button)
    return waiting.value.path().read_bytes()


def drawn(page, plot):
    page.wait_for_function(f"document.querySelector('#{plot} > div > *')?.shadowRoot")


def tooltip_of_the_point(page):
    """Moves the pointer about the middle, where a point lies that is alone, until it is there."""
    drawn(page, "scatter-plot")
    box = page.locator("#scatter-plot").bounding_box()
    tooltip = page.locator(".bk-Tooltip").first
    for x in range(0, 60, 6):  # the axis moves the middle to the right, the toolbar down
        for y in range(-20, 21, 5):
            page.mouse.move(box["x"] + box["width"] / 2 + x, box["y"] + box["height"] / 2 + y)
            page.wait_for_timeout(40)
            if tooltip.count() and tooltip.is_visible():
                return tooltip.locator(".bk-tooltip-content").inner_text()
    return ""


def only(key, *words):
    return "f=" + quote(",".join([key, *(quote(f"={word}") for word in words)]))


def test_every_run_is_a_row(opened):
    assert opened().locator("#table tbody tr").count() == RUNS


def test_a_click_on_a_header_sorts_and_a_missing_number_is_last(opened):
    page = opened()
    page.click("#table th button[data-sort=top1]")
    numbers = shown(page, "top-1 (%)")
    assert numbers[-1] == "–"
    assert numbers[:-1] == sorted(numbers[:-1], key=float, reverse=True)
    assert page.locator("th[aria-sort=descending]").count() == 1
    page.click("#table th button[data-sort=top1]")
    assert shown(page, "top-1 (%)") == [*sorted(numbers[:-1], key=float), "–"]


def test_a_search_keeps_the_runs_that_have_all_words(opened):
    page = opened()
    page.fill("#search", "titn hard")
    assert set(shown(page, "model")) == {"titn"}
    assert set(shown(page, "loss")) == {"hard"}
    assert page.inner_text("#summary") == "5 of 40 runs"


def test_a_filter_by_values_and_one_by_a_range(opened):
    page = opened()
    page.select_option("#add-filter", "seed")
    page.check("fieldset[data-key=seed] label:has-text('3') input")
    assert set(shown(page, "seed")) == {"3"}
    page.select_option("#add-filter", "top1")
    page.fill("fieldset[data-key=top1] input >> nth=0", "68")
    assert all(float(number) >= 68 for number in shown(page, "top-1 (%)"))
    page.click("#clear")
    assert page.inner_text("#summary") == "40 runs"


def test_columns_can_be_chosen(opened):
    page = opened()
    page.click("#columns summary")
    page.check("#column-choice input[value='model.setting3']")
    page.uncheck("#column-choice input[value=loss]")
    heads = page.locator("#table thead th").all_inner_texts()
    assert "model.setting3" in heads
    assert "loss" not in heads


@pytest.mark.parametrize("splits", [("test",), ("test", "validation")])
def test_the_table_says_the_split_where_runs_differ_in_it(opened, tmp_path, splits):
    contents = generated_contents(2, images=20, classes=CLASSES, epochs=2)
    values = [splits[run % len(splits)] for run in range(2)]
    column = {"key": "dataset.split", "label": "dataset.split", "part": "setting", "kind": "text"}
    kept = [one for one in contents.table["columns"] if one["key"] != "dataset.split"]
    contents.table["columns"] = [*kept, column | {"values": values}]
    path = tmp_path / "explorer.html"
    path.write_text(rendered(contents), encoding="utf-8")
    heads = opened(path=path).locator("#table thead th").all_inner_texts()
    assert ("dataset.split" in heads) == (len(splits) > 1)


def test_runs_of_one_network_are_drawn_by_what_they_differ_in(opened, tmp_path):
    """As those of a search, of which the first has no record: it was pruned."""
    contents = generated_contents(4, images=20, classes=CLASSES, epochs=2)
    kept = [one for one in contents.table["columns"]
            if one["part"] != "setting" and one["key"] not in ("macs", "top1")]  # fmt: skip
    number = {"label": "a", "kind": "number", "values": [1, 1, None, 1]}
    contents.table["columns"] = [
        *kept,
        number | {"key": "macs", "part": "result"},
        number | {"key": "top1", "part": "result", "values": [None, 0.1, 0.2, 0.3]},
        number | {"key": "seed", "part": "setting", "values": [0, 1, 2, 3]},
        number | {"key": "optimizer.lr", "part": "setting", "values": [0.1, 0.2, 0.3, 0.4]},
        number | {"key": "model", "kind": "text", "part": "setting", "values": ["deit"] * 4},
        number | {"key": "dataset.split", "kind": "text", "part": "setting",
                  "values": ["test", "test", "validation", "test"]},
    ]  # fmt: skip
    path = tmp_path / "explorer.html"
    path.write_text(rendered(contents), encoding="utf-8")
    page = opened("tab=scatter", path=path)
    assert page.input_value("#x") == "optimizer.lr"
    assert page.input_value("#colour") == "dataset.split"
    page.click("#tab-curves")
    assert "Mixed are a: test, validation. Filter by one" in page.inner_text("#curves-note")
    page.click("#tab-compare")
    ids = columns_of(contents)["id"]
    assert [page.input_value(f"#run-{side}") for side in "ab"] == [ids[1], ids[2]]


def columns_of(contents):
    return {one["key"]: one["values"] for one in contents.table["columns"] if "values" in one}


def test_a_group_has_its_mean_and_its_t_interval(opened):
    page = opened(f"group=seed&{only('model', 'vit')}&{only('seed', '1')}&cols=top1,seed")
    alone = opened(f"{only('model', 'vit')}&{only('seed', '1')}")
    values = [float(number) for number in shown(alone, "top-1 (%)")]
    assert len(values) == 2  # then t(1) = 12.706, and the half is t times half the distance
    mean, half = sum(values) / 2, 12.706 * abs(values[0] - values[1]) / 2
    (text,) = shown(page, "top-1 (%)")
    said, spread = map(float, text.split(" ± "))
    assert said == pytest.approx(mean, abs=0.011)
    assert spread == pytest.approx(half, abs=0.15)  # of values with two digits
    assert shown(page, "runs") == ["2"]


def test_a_group_of_one_run_has_no_interval(opened):
    page = opened(f"group=seed&{only('model', 'titn')}&{only('loss', 'hard')}&cols=top1")
    assert shown(page, "runs") == ["1"] * 5
    assert all(re.fullmatch(r"[\d.]+", text) for text in shown(page, "top-1 (%)"))


@pytest.fixture(scope="module")
def file_with_stopped_runs(tmp_path_factory):
    """Five runs of each model; of vit one stopped early and one was pruned, of titn all stopped."""
    contents = generated_contents(20, images=20, classes=2, epochs=2)
    columns = {column["key"]: column for column in contents.table["columns"]}
    states = ["recorded"] * 20
    states[1::4] = ["stopped early"] * 5
    states[15], states[19] = "stopped early", "pruned"
    words = sorted(set(states))
    columns["status"] |= {"words": words, "codes": [words.index(state) for state in states]}
    top1 = [0.6] * 20
    top1[3::4] = [0.1, 0.2, 0.3, 0.9, None]
    columns["top1"].pop("words", None)
    columns["top1"]["values"] = top1
    path = tmp_path_factory.mktemp("stopped") / "explorer.html"
    path.write_text(rendered(contents), encoding="utf-8")
    return path


def test_runs_that_stopped_early_are_in_no_mean_and_are_counted(opened, file_with_stopped_runs):
    page = opened("group=model&cols=top1", path=file_with_stopped_runs)
    assert shown(page, "left out") == ["", "5 stopped early", "", "1 pruned, 1 stopped early"]
    # s = 0.1 of three values: t(2) s / sqrt(3) = 4.303 * 0.0577.
    assert shown(page, "top-1 (%)")[1::2] == ["–", "20.00 ± 24.84 (n 3)"]
    assert "Left out of means: runs that stopped early" in page.inner_text("#table-note")
    rows = list(csv.DictReader(io.StringIO(downloaded(page, "#csv").decode())))
    assert [(row["left_out"], row["top1_n"]) for row in rows][1::2] == [
        ("5 stopped early", "0"), ("1 pruned, 1 stopped early", "3")
    ]  # fmt: skip


def test_a_point_of_a_group_is_of_whole_runs(opened, file_with_stopped_runs):
    page = opened("tab=scatter&group=model&means=1", path=file_with_stopped_runs)
    drawn(page, "scatter-plot")
    assert page.locator("#scatter-legend button").all_inner_texts() == ["deit", "tnt", "vit"]
    assert "Left out of means: 6 stopped early." in page.inner_text("#scatter-note")


def test_a_legend_hides_and_shows_runs(opened):
    page = opened("tab=scatter")
    drawn(page, "scatter-plot")
    picture = page.locator("#scatter-plot").screenshot()
    button = page.locator("#scatter-legend button", has_text="titn")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    page.wait_for_timeout(300)
    assert page.locator("#scatter-plot").screenshot() != picture
    button.click()
    assert button.get_attribute("aria-pressed") == "true"


def test_the_groups_of_the_table_can_be_points(opened):
    page = opened("tab=scatter&group=loss&group2=seed")
    page.check("#means")
    drawn(page, "scatter-plot")
    names = page.locator("#scatter-legend button").all_inner_texts()
    losses = ("hard", "supervised")
    assert names == [f"{loss} · {seed}" for loss in losses for seed in range(5)]


@pytest.mark.parametrize("name", ["scatter", "curves", "compare", "confusion"])
def test_a_plot_is_downloaded_as_png(opened, name):
    page = opened(f"tab={name}")
    plot = "pair" if name == "compare" else name
    drawn(page, f"{plot}-plot")
    content = downloaded(page, f"#{plot}-png")
    assert content.startswith(b"\x89PNG")
    assert len(content) > 5000


def test_the_table_is_downloaded_as_csv(opened):
    page = opened(f"sort=-top1&{only('model', 'titn')}&cols=id,top1,model")
    rows = list(csv.DictReader(io.StringIO(downloaded(page, "#csv").decode())))
    assert list(rows[0]) == ["id", "top1", "model"]
    assert [f"{100 * float(row['top1']):.2f}" for row in rows] == shown(page, "top-1 (%)")


def test_the_table_is_downloaded_as_latex(opened):
    page = opened(f"{only('model', 'titn')}&{only('seed', '1')}&cols=model,augment.word1")
    lines = downloaded(page, "#latex").decode().splitlines()
    assert lines[1:5] == [
        r"\begin{tabular}{ll}", r"\toprule", r"model & augment.word1 \\", r"\midrule",
    ]  # fmt: skip
    # augment.word1 is the hostile word for one of the two.
    assert r"titn & \textless{}/script\textgreater{}\textless{}img src=x" in "\n".join(lines)


def test_a_view_is_restored_from_the_address(opened):
    page = opened()
    page.select_option("#add-filter", "loss")
    page.check("fieldset[data-key=loss] label:has-text('hard') input")
    page.click("#table th button[data-sort=train_secs]")
    page.check("#table tbody tr:nth-child(2) input")
    page.click("#tab-scatter")
    page.select_option("#x", "epochs" if page.locator("#x option[value=epochs]").count() else "nll")
    page.select_option("#colour", "seed")
    again = opened(page.evaluate("location.hash.slice(1)"))
    for selected in ("#x", "#colour"):
        assert again.input_value(selected) == page.input_value(selected)
    assert again.locator("#scatter").is_visible()
    assert (
        again.inner_text("#summary") == page.inner_text("#summary") == "20 of 40 runs, 1 selected"
    )
    again.click("#tab-runs")
    page.click("#tab-runs")
    assert shown(again, "run") == shown(page, "run")
    assert again.locator("#table tbody tr:nth-child(2) input").is_checked()


def test_an_address_that_is_no_view_is_passed_over(opened):
    page = opened("sort=nothing&group=none&tab=../x&f=a%2Cb&f=%25E0&x=zz&sel=%E0%A4%A&theme=odd")
    assert page.locator("#table tbody tr").count() == RUNS


def test_two_runs_side_by_side(opened):
    page = opened()
    page.check("#table tbody tr:nth-child(1) input")
    page.check("#table tbody tr:nth-child(2) input")
    page.click("#tab-compare")
    drawn(page, "pair-plot")
    counts = page.locator("#agreement tbody tr td:nth-child(2)").all_inner_texts()
    assert sum(map(int, counts)) == 200
    alike = int(counts[0]) + int(counts[3])
    assert f"same class for {alike / 2:.2f}% of 200 images" in page.inner_text("#predictions-note")
    assert page.locator("#by-class tbody tr").count() == CLASSES
    assert "model" in page.locator("#differences tbody td:nth-child(1)").all_inner_texts()
    page.click("#by-class th button >> nth=0")
    assert page.locator("#by-class th").nth(0).get_attribute("aria-sort") == "ascending"


def test_names_of_others_are_text(opened):
    page = opened("cols=model,augment.word1&group=model")
    assert HOSTILE in shown(page, "model")
    for name in ("scatter", "curves", "compare", "confusion"):
        page.click(f"#tab-{name}")
        drawn(page, ("pair" if name == "compare" else name) + "-plot")
    alone = "&".join(only(*pair) for pair in (("model", HOSTILE), ("seed", "1"), ("loss", "hard")))
    page = opened(f"tab=scatter&{alone}")
    assert HOSTILE in tooltip_of_the_point(page)
    assert page.evaluate("[window.hurt, document.querySelectorAll('img, b').length]") == [None, 0]


def test_the_keyboard_is_enough(opened):
    page = opened()
    page.focus("#search")
    page.keyboard.type("hard")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "add-filter"
    page.focus("#table th button[data-sort=top1]")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.sort") == "top1"
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.focus("#table tbody input")
    page.keyboard.press("Space")
    assert "1 selected" in page.inner_text("#summary")
    page.focus("#tab-runs")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-scatter"
    drawn(page, "scatter-plot")
    page.focus("#scatter-legend button")
    page.keyboard.press("Enter")
    assert page.locator("#scatter-legend button").first.get_attribute("aria-pressed") == "false"


def test_all_controls_have_names(opened):
    page = opened("f=" + quote("top1,~,,"))
    unnamed = page.evaluate("""() => [...document.querySelectorAll('button, input, select')]
        .filter(one => !(one.ariaLabel || one.textContent.trim() || one.labels?.length))
        .map(one => one.outerHTML)""")
    assert unnamed == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["runs", "scatter", "curves", "compare", "confusion"])
def test_400_pixels_are_wide_enough(opened, tab, scheme):
    page = opened(f"tab={tab}&group={'model' if tab == 'runs' else ''}", width=400, scheme=scheme)
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.evaluate("document.documentElement.dataset.theme") == scheme


@pytest.mark.long
def test_a_thousand_runs_are_ready_within_two_seconds(opened, tmp_path):
    path = tmp_path / "thousand.html"
    path.write_text(rendered(generated_contents(1000, 10_000, 100, 300)), encoding="utf-8")
    secs = []
    for _ in range(3):  # the least: the machine may be busy
        page = opened(path=path)
        secs.append(page.evaluate("performance.now()") / 1000)
        assert page.locator("#table tbody tr").count() == 250
    assert min(secs) < 2
    page.click("#more")
    assert page.locator("#table tbody tr").count() == 1000
