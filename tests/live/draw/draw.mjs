// Draws the committed dashboards with Grafana's own components (@grafana/ui) and the data of a live Prometheus:
//   node draw.mjs --prometheus http://127.0.0.1:9090 --out DIR [--minutes 15] [--boards overview,drift] [--format png]
// Ends with 1 where a panel could not be drawn. Needs `npm install` here, and Chromium (apt-get install chromium fonts-inter).
// Heat maps and state timelines are no part of @grafana/ui: those two are drawn by page.jsx itself.
import { build } from 'esbuild';
import { mkdtemp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import puppeteer from 'puppeteer-core';

const HERE = dirname(fileURLToPath(import.meta.url));
const BOARDS = join(HERE, '../../../dashboards/json');
const WIDTH = 1400;
const POINTS = 240;

const { values: given } = parseArgs({
  options: {
    prometheus: { type: 'string' },
    out: { type: 'string' },
    minutes: { type: 'string', default: '15' },
    boards: { type: 'string' },
    format: { type: 'string', default: 'webp' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});

const to = Math.floor(Date.now() / 1000);
const from = to - 60 * Number(given.minutes);
const step = Math.max(1, Math.round((to - from) / POINTS));
const spans = { $__rate_interval: `${Math.max(15, 4 * step)}s`, $__range: `${to - from}s`, $__interval: `${step}s` };

function filled(expr) {
  for (const [name, value] of Object.entries(spans)) expr = expr.replaceAll(name, value);
  return expr.replace(/\$(namespace|route|model|watcher|label|value)\b/g, '.*');
}

async function ask(expr, instant) {
  const query = { query: filled(expr), ...(instant ? { time: to } : { start: from, end: to, step }) };
  const page = instant ? 'query' : 'query_range';
  const answer = await (await fetch(`${given.prometheus}/api/v1/${page}?${new URLSearchParams(query)}`)).json();
  if (answer.status !== 'success') throw new Error(`${answer.error}: ${expr}`);
  return answer.data.result;
}

async function filledPanel(panel) {
  const targets = [];
  for (const target of panel.targets ?? []) {
    targets.push({ ...target, result: await ask(target.expr, target.instant) });
  }
  return { ...panel, targets };
}

async function filledBoard(name) {
  const board = JSON.parse(await readFile(join(BOARDS, `${name}.json`), 'utf8'));
  const panels = [];
  for (const panel of board.panels) panels.push(await filledPanel(panel));
  const marks = [];
  for (const mark of board.annotations.list) marks.push({ ...mark, result: await ask(mark.expr, false) });
  return { title: board.title, panels, marks, from: from * 1000, to: to * 1000, step, width: WIDTH };
}

function failed(name, problem) {
  console.error(`${name}: ${problem}`);
  process.exitCode = 1;
}

async function bundled() {
  const built = await build({
    entryPoints: [join(HERE, 'page.jsx')],
    bundle: true,
    write: false,
    outdir: 'unused',
    jsx: 'automatic',
    minify: true,
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
    loader: { '.svg': 'dataurl', '.png': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl' },
  });
  return built.outputFiles.map((file) => `<${file.path.endsWith('css') ? 'style' : 'script'}>${file.text.replaceAll('</script', '<\\/script')}</${file.path.endsWith('css') ? 'style' : 'script'}>`).join('\n');
}

async function main() {
  await mkdir(given.out, { recursive: true });
  const names = given.boards?.split(',') ?? (await readdir(BOARDS)).map((file) => file.replace('.json', ''));
  const code = await bundled();
  const folder = await mkdtemp(join(tmpdir(), 'draw-'));
  const browser = await puppeteer.launch({ executablePath: given.chromium, args: ['--no-sandbox', '--disable-gpu'] });
  for (const name of names) {
    const data = JSON.stringify(await filledBoard(name)).replaceAll('<', '\\u003c');
    const file = join(folder, `${name}.html`);
    await writeFile(file, `<!doctype html><meta charset="utf-8"><body><div id="root"></div><script>window.BOARD=${data}</script>${code}`);
    const page = await browser.newPage();
    page.on('pageerror', (error) => failed(name, String(error)));
    await page.setViewport({ width: WIDTH, height: 900 });
    await page.goto(pathToFileURL(file).href);
    await page.waitForSelector('#drawn', { timeout: 60000 });
    await new Promise((resolve) => setTimeout(resolve, 1500)); // the graphs' canvases are painted a frame later
    const size = await page.$eval('#drawn', (element) => element.getBoundingClientRect().height);
    await page.setViewport({ width: WIDTH, height: Math.ceil(size) });
    for (const problem of await page.$$eval('.failed', (found) => found.map((one) => one.textContent))) failed(name, problem);
    await page.screenshot({ path: join(given.out, `${name}.${given.format}`), type: given.format });
    await page.close();
  }
  await browser.close();
}

await main();
