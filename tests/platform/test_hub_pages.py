"""The whole way of a person through the pages of the hub, in a browser."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from lab import iam
from lab.mirror.debian import need_commands
from tests.platform.hub import MARKS, NAME, SLICE, URL, Hub, hub_of
from tests.platform.site import Lab
from tests.support import ROOT, eventually

pytestmark = MARKS
PICTURES = ROOT / "build" / "screenshots"
BROWSER = {"chromium": "chromium", "chromedriver": "chromium-driver"}
PATIENCE_S = 90


@pytest.fixture(scope="module")
def hub(raised: Lab, tmp_path_factory: pytest.TempPathFactory) -> Hub:
    return hub_of(raised, tmp_path_factory.mktemp("hub"))


@pytest.fixture
def browser(hub: Hub) -> Iterator[Chrome]:
    """A browser that believes the site's authorities, and finds the hub at its entrance."""
    need_commands(BROWSER)
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in (
        "headless=new",
        "no-sandbox",
        "disable-dev-shm-usage",
        "window-size=1280,900",
        f"host-resolver-rules=MAP {NAME} {hub.address}",
        f"ignore-certificate-errors-spki-list={','.join(keys(hub))}",
    ):
        options.add_argument(f"--{word}")
    chrome = Chrome(options, ChromeService("/usr/bin/chromedriver"))
    try:
        yield chrome
    finally:
        chrome.quit()


def keys(hub: Hub) -> list[str]:
    """The keys of hub and provider, whose certificates are verified first, as a browser names those it believes."""
    issuer = urlsplit(iam.provider().issuer)
    context = ssl.create_default_context(cafile=str(hub.authorities))
    found = []
    for name, address, port in ((NAME, hub.address, 443), (issuer.hostname, issuer.hostname, issuer.port)):
        with (
            socket.create_connection((address, port), 10) as plain,
            context.wrap_socket(plain, server_hostname=name) as line,
        ):
            certificate = x509.load_der_x509_certificate(line.getpeercert(binary_form=True) or b"")
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        found.append(base64.b64encode(hashlib.sha256(key).digest()).decode())
    return found


def picture(browser: Chrome, name: str) -> None:
    """Keep what the browser shows."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(PICTURES / f"{name}.png"))


def seen(browser: Chrome, selector: str, what: str, fits: Callable[[WebElement], bool] = lambda _: True) -> WebElement:
    """Wait for an element that is shown and fits."""

    def look(_: Chrome) -> WebElement | None:
        found = browser.find_elements(By.CSS_SELECTOR, selector)
        return next((one for one in found if one.is_displayed() and fits(one)), None)

    try:
        found = WebDriverWait(browser, PATIENCE_S, 0.3, ignored_exceptions=[Exception]).until(look)
    except Exception:
        picture(browser, "missing")
        text = browser.find_element(By.TAG_NAME, "body").text
        pytest.fail(f"{what}: not seen within {PATIENCE_S} s at {browser.current_url}, which says: {text[:1000]}")
    assert found is not None
    return found


def stops(browser: Chrome) -> bool:
    """Press the button that ends the session, which does nothing until its page is whole; whether there is none."""
    buttons = [one for one in browser.find_elements(By.ID, "stop") if one.is_displayed() and one.is_enabled()]
    for button in buttons:
        button.click()
    return not buttons


def test_from_the_login_to_a_cell_and_back(hub: Hub, browser: Chrome) -> None:
    hub.free("anna")
    browser.get(URL)
    picture(browser, "1-hub")
    seen(browser, "a.btn-jupyter", "the way to log in").click()
    seen(browser, "input[name=login]", "whom the provider asks for").send_keys("anna", Keys.ENTER)
    seen(browser, "input[name=password]", "the password that it asks for").send_keys(
        iam.PASSWORD.read_text(), Keys.ENTER
    )
    form = "#spawn_form, button[name=answer][value=accept]"
    if seen(browser, form, "the consent or the form").tag_name == "button":
        browser.find_element(By.CSS_SELECTOR, "button[name=answer][value=accept]").click()
    choice = seen(browser, f"[data-gpu='{SLICE}']", "the slice that is offered")
    assert "free" in choice.text
    picture(browser, "2-choices")
    choice.find_element(By.CSS_SELECTOR, "input").click()
    seen(browser, "#spawn_form button[type=submit]", "the button that starts").click()
    picture(browser, "3-starts")
    seen(browser, "#jp-main-content-panel", "JupyterLab")
    browser.get(f"{browser.current_url.partition('?')[0]}?reset")  # not what another run has left open
    seen(browser, ".jp-LauncherCard[data-category=Notebook]", "the launcher").click()
    seen(browser, "#jp-main-statusbar", "a kernel that waits", lambda one: "| Idle" in one.text)
    cell = seen(browser, ".jp-Notebook .jp-CodeCell .cm-content", "a cell")
    cell.click()
    ActionChains(browser).send_keys("!nvidia-smi -L").key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(
        Keys.SHIFT
    ).perform()
    output = seen(browser, ".jp-OutputArea-output", "what the cell prints", lambda one: "MIG" in one.text)
    assert output.text.count("MIG 1g.5gb") == 1
    picture(browser, "4-session")
    browser.get(f"{URL}/hub/home")
    stopped = partial(stops, browser)
    seen(browser, "#start", "the hub without a session", lambda one: stopped() and "Start" in one.text)
    picture(browser, "5-home")
    anna = hub.person("anna")
    eventually(lambda: anna.api("GET", f"users/{anna.user}")["servers"] == {}, 60, "the session has ended")
