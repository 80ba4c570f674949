// Firefox by WebDriver BiDi, for tests in another language: a line of JSON says what to do, a line of JSON answers.
// node firefox.mjs PROGRAM; {"do": "open", "with": "http://…"} is answered by {"value": …} or {"error": "…"}.
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const browser = await puppeteer.launch({
  browser: "firefox", executablePath: process.argv[2], headless: true,
  extraPrefsFirefox: { "media.autoplay.default": 0 }, // all may begin by themselves
});
const page = await browser.newPage();
const faults = [];
page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
page.on("console", (message) => { if (["error", "warn"].includes(message.type())) faults.push(`${message.type()}: ${message.text()}`); });
page.on("response", (response) => { if (response.status() >= 400) faults.push(`${response.status()}: ${response.url()}`); });

const verbs = {
  open: async (address) => { await page.goto(address); },
  evaluate: (expression) => page.evaluate(expression),
  press: (key) => page.keyboard.press(key),
  click: (selector) => page.click(selector),
  drag: async ([[x, y], [toX, toY]]) => {
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(toX, toY, { steps: 5 });
    await page.mouse.up();
  },
  size: ([width, height]) => page.setViewport({ width, height }),
  look: async (path) => { await page.screenshot({ path }); },
  faults: () => faults.splice(0),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: verb, with: value } = JSON.parse(line);
  const answer = await Promise.resolve().then(() => verbs[verb](value)).then((value) => ({ value: value ?? null }), (error) => ({ error: error.message }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
