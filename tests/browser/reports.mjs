// Opens the reports of a folder in a browser, wide and narrow, light and dark, and checks what a
// reader would: node tests/browser/reports.mjs CHROMIUM FOLDER
import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {open_browser} from './browser.mjs';

const [program, folder] = process.argv.slice(2);
let failures = 0;
const check = (what, holds, detail = '') => {
  if (!holds) {
    failures += 1;
    console.log(`FAILED ${what} ${JSON.stringify(detail)}`);
  }
};

/// True of every report.
async function check_page(page, name) {
  const facts = await page.evaluate(`({
    charts: document.querySelectorAll('figure[data-chart]').length,
    library: typeof window.echarts !== 'undefined',
    empty: [...document.querySelectorAll('figure[data-chart]')].filter((figure) => {
      const svg = figure.querySelector('.plot svg'), canvas = figure.querySelector('.plot canvas');
      return !(svg && svg.querySelectorAll('path, polyline, circle').length > 2) && !canvas;
    }).map((figure) => figure.dataset.chart),
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    titles: document.querySelectorAll('h1').length,
    unnamed: [...document.querySelectorAll('[role=img], nav, input, button')].filter((element) =>
      !(element.getAttribute('aria-label') || element.textContent.trim())).length,
    images: document.querySelectorAll('img').length,
  })`);
  check(`${name}: no complaints`, page.problems.length === 0, page.problems);
  check(`${name}: charts`, facts.charts > 2 && facts.empty.length === 0, facts.empty);
  check(`${name}: nothing sticks out`, facts.wide <= 0, facts.wide);
  check(`${name}: one title`, facts.titles === 1);
  check(`${name}: everything has a name`, facts.unnamed === 0, facts.unnamed);
  check(`${name}: no image from a name`, facts.images === 0);
  return facts.library;
}

/// Text of text against background, WCAG 2: 4.5 is enough.
const contrast = `(() => {
  const light = (rgb) => {
    const [r, g, b] = rgb.match(/[\\d.]+/g).slice(0, 3).map((c) => {
      const s = c / 255;
      return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if (!/rgba\\(.*, 0\\)|transparent/.test(color)) return color;
    }
    return 'rgb(255,255,255)';
  };
  const poor = [];
  for (const e of document.querySelectorAll('h1,h2,h3,p,th,td,dt,dd,a,button,summary,li,code')) {
    if (!e.textContent.trim() || e.closest('[hidden]')) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(e.tagName + ' ' + e.className + ' ' + ratio.toFixed(2) + ' ' +
      e.textContent.slice(0, 20));
  }
  return poor.slice(0, 5);
})()`;

async function check_run(page) {
  const numbers = await page.evaluate(`(() => {
    const summary = JSON.parse(document.getElementById('summary').textContent);
    const at = (path) => path.split('/').slice(1).reduce((value, part) =>
      value === null || value === undefined ? undefined
        : value[part.replace(/~1/g, '/').replace(/~0/g, '~')], summary);
    const wrong = [];
    const cells = [...document.querySelectorAll('[data-path]')];
    for (const cell of cells) {
      const value = at(cell.dataset.path);
      if (typeof value !== 'number') {
        if (cell.textContent !== '-') wrong.push(cell.dataset.path);
        continue;
      }
      const text = cell.textContent.replace(/[$,]/g, '');
      const shown = parseFloat(text.replace('<', '')) * (text.includes('%') ? 0.01 : 1);
      const close = Math.abs(shown - value) <= 0.1 * Math.abs(value) + 1e-4;
      if (Number(cell.dataset.v) !== value || !close) wrong.push([cell.dataset.path, text, value]);
    }
    return {cells: cells.length, wrong};
  })()`);
  check('run: numbers of the summary', numbers.cells > 80 && numbers.wrong.length === 0, numbers);

  const rules = await page.evaluate(`(() => {
    const figure = document.getElementById('chart-dollar');
    const buttons = [...figure.querySelectorAll('.variants button')];
    const look = () => [figure.querySelector('.answer').textContent,
      [...figure.querySelectorAll('.plot svg text')].map((t) => t.textContent).join('|'),
      document.querySelector('#rules-table tr.chosen th').textContent];
    return buttons.map((button) => { button.click();
      return {name: button.textContent, pressed: button.getAttribute('aria-pressed'),
        look: look()}; });
  })()`);
  check('run: a switch for every rule', rules.length === 6, rules.length);
  for (const one of rules) {
    check(`run: rule ${one.name} is shown`, one.pressed === 'true' &&
      one.look[0].startsWith(`Rule ${one.name}`) && one.look[2] === one.name, one);
  }
  check('run: rules differ', new Set(rules.map((one) => one.look[1])).size > 3);

  const data = await page.evaluate(`(() => {
    const figure = document.getElementById('chart-queue');
    figure.querySelector('details').open = true;
    return new Promise((resolve) => setTimeout(() =>
      resolve(figure.querySelectorAll('details tbody tr').length), 100));
  })()`);
  check('run: the data behind a chart', data > 10, data);
  const csv = await page.evaluate(`new Promise((resolve) => {
    const made = URL.createObjectURL;
    URL.createObjectURL = (blob) => { blob.text().then(resolve); return made.call(URL, blob); };
    HTMLAnchorElement.prototype.click = () => {};
    document.querySelector('#chart-queue button.csv').click();
  })`);
  check('run: the data as CSV', csv.startsWith('time_s,running,waiting,') &&
    csv.trim().split('\n').length > 10, csv.slice(0, 80));
}

async function check_sweep(page) {
  const result = await page.evaluate(`(() => {
    const table = document.getElementById('points');
    const column = (index) => [...table.tBodies[0].rows].filter((row) => !row.hidden)
      .map((row) => Number(row.cells[index].dataset.v));
    const heads = [...table.tHead.rows[0].cells];
    const index = heads.findIndex((head) => head.textContent === 'output tok/s');
    const button = heads[index].querySelector('button');
    button.click();
    const up = column(index);
    button.click();
    const down = column(index);
    const sort = heads[index].getAttribute('aria-sort');
    const filter = document.querySelector('.tools input');
    filter.value = 'yes';
    filter.dispatchEvent(new Event('input'));
    const front = column(index).length;
    filter.value = '';
    filter.dispatchEvent(new Event('input'));
    return {up, down, sort, front, all: column(index).length};
  })()`);
  const sorted = (list) => list.every((value, i) => i === 0 || list[i - 1] <= value);
  check('sweep: sorts', sorted(result.up) && sorted([...result.down].reverse()) &&
    result.sort === 'descending', result);
  check('sweep: filters', result.front > 0 && result.front < result.all, result);
  const place = await page.evaluate(`(() => {
    const figure = document.getElementById('chart-pareto');
    figure.scrollIntoView({behavior: 'instant', block: 'center'});
    const instance = echarts.getInstanceByDom(figure.querySelector('.plot'));
    const point = page_of_point(instance);
    const box = figure.querySelector('.plot').getBoundingClientRect();
    return {x: box.left + point.at[0], y: box.top + point.at[1], row: point.row};
    function page_of_point(chart) {
      const data = chart.getOption().series[0].data[0];
      return {at: chart.convertToPixel({seriesIndex: 0}, data.value), row: data.row};
    }
  })()`);
  await page.move(place.x, place.y);
  await page.evaluate('new Promise((resolve) => setTimeout(resolve, 150))');
  const tip = await page.evaluate(`document.querySelector('#chart-pareto .plot').textContent`);
  check('sweep: a point says what it is', /latency p50/.test(tip), tip.slice(0, 200));
  await page.click(place.x, place.y);
  const chosen = await page.evaluate(
    `[...document.querySelectorAll('#points tr.chosen')].map((row) => row.dataset.row)`);
  check('sweep: a click marks a row', chosen.length === 1, {chosen, place});
}

const pages = {
  run: join(folder, 'run', 'report.html'), sweep: join(folder, 'sweep', 'report.html'),
  plan: join(folder, 'plan', 'report.html'), compare: join(folder, 'compare.html'),
};
const browser = await open_browser(program);
try {
  for (const [name, file] of Object.entries(pages)) {
    check(`${name}: exists`, existsSync(file));
    let library = false;
    for (const [width, dark] of [[1280, false], [390, true]]) {
      const page = await browser.open(`file://${file}`, {width, dark, mobile: width < 600});
      const label = `${name} ${width} ${dark ? 'dark' : 'light'}`;
      library = await check_page(page, label);
      const poor = await page.evaluate(contrast);
      check(`${label}: contrast`, poor.length === 0, poor);
      if (width === 1280 && name === 'run' && library) await check_run(page);
      if (width === 1280 && name === 'sweep' && library) await check_sweep(page);
      check(`${label}: no complaints in the end`, page.problems.length === 0, page.problems);
      await page.close();
    }
    if (!library) console.log(`${name}: this build has no charts, their tests are left out`);
  }
} finally {
  await browser.close();
}
console.log(failures === 0 ? 'all reports hold' : `${failures} failures`);
process.exit(failures === 0 ? 0 : 1);
