// Makes the pictures of docs/images from the sample workload:
//
//     node tests/browser/screenshots.mjs CHROMIUM build/release/penstock
import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {open_browser} from './browser.mjs';

const [program, penstock] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'penstock-pictures-'));
const images = join('docs', 'images');
mkdirSync(images, {recursive: true});
execFileSync(penstock, ['run', 'workloads/chat.yaml', '-q', '-o', join(folder, 'run'), '--report']);
execFileSync(penstock, ['sweep', 'workloads/chat.yaml', '-q', '-o', join(folder, 'sweep'),
  '--report', '--vary', 'engine.max_num_seqs=1..256:log2', '--vary', 'cluster.replicas=2,3,4',
  '--set', 'workload.requests=1000']);
const browser = await open_browser(program);
const take = async (file, name, {dark = false, selector = null, height = 0} = {}) => {
  const page = await browser.open(`file://${join(folder, file, 'report.html')}`,
    {width: 1060, height: 1400, dark});
  const box = selector ? await page.evaluate(`(() => {
    const box = document.querySelector('${selector}').getBoundingClientRect();
    return {x: box.x - 8, y: box.y - 8, width: box.width + 16, height: box.height + 16};
  })()`) : {x: 0, y: 0, width: 1060, height};
  writeFileSync(join(images, `${name}.webp`),
    await page.screenshot({...box, scale: 1}, {format: 'webp', quality: 55}));
  await page.close();
};
try {
  await take('run', 'report-run', {height: 880});
  await take('run', 'report-dollar', {selector: '#chart-dollar', dark: true});
  await take('sweep', 'report-sweep', {selector: '#chart-pareto'});
} finally {
  await browser.close();
  rmSync(folder, {recursive: true, force: true});
}
