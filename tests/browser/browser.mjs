// A browser without a window, driven through its debugging pipe: no packages needed.
//
//     const browser = await open_browser('/usr/bin/chromium');
//     const page = await browser.open('file:///tmp/report.html', {width: 1280, dark: false});
//     await page.evaluate('document.title');     page.problems holds what the console complained of
import {spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

export async function open_browser(program) {
  const profile = mkdtempSync(join(tmpdir(), 'penstock-browser-'));
  const child = spawn(program, ['--headless=new', '--no-sandbox', '--disable-gpu',
    '--disable-dev-shm-usage', '--disable-background-networking', '--no-first-run',
    '--disable-component-update', '--hide-scrollbars', '--remote-debugging-pipe',
    `--user-data-dir=${profile}`, 'about:blank'],
  {stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe']});
  const [, , , to, from] = child.stdio;
  const waiting = new Map();
  const listeners = [];
  let last = 0;
  let text = '';
  from.setEncoding('utf8');
  from.on('data', (piece) => {
    text += piece;
    for (let end; (end = text.indexOf('\0')) >= 0; text = text.slice(end + 1)) {
      const message = JSON.parse(text.slice(0, end));
      if (message.id) {
        const {resolve, reject} = waiting.get(message.id);
        waiting.delete(message.id);
        if (message.error) reject(new Error(message.error.message)); else resolve(message.result);
      } else {
        for (const listener of listeners) listener(message);
      }
    }
  });
  const gone = new Promise((resolve) => { child.on('exit', resolve); });
  child.on('exit', () => {
    for (const {reject} of waiting.values()) reject(new Error('the browser went away'));
  });
  const send = (method, params = {}, session = undefined) => new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, {resolve, reject});
    to.write(JSON.stringify({id: last, method, params, sessionId: session}) + '\0');
  });

  async function open(url, {width = 1280, height = 900, dark = false, mobile = false} = {}) {
    const {targetId} = await send('Target.createTarget', {url: 'about:blank'});
    const {sessionId} = await send('Target.attachToTarget', {targetId, flatten: true});
    const call = (method, params) => send(method, params, sessionId);
    const problems = [];
    let loaded;
    const is_loaded = new Promise((resolve) => { loaded = resolve; });
    listeners.push((message) => {
      if (message.sessionId !== sessionId) return;
      const {method, params} = message;
      if (method === 'Page.loadEventFired') loaded();
      if (method === 'Runtime.exceptionThrown') {
        const {text: what, exception} = params.exceptionDetails;
        problems.push(`${what} ${exception ? exception.description : ''}`);
      }
      if (method === 'Log.entryAdded') problems.push(params.entry.text);
      if (method === 'Runtime.consoleAPICalled' && params.type !== 'log') {
        problems.push(params.args.map((a) => a.value || a.description).join(' '));
      }
      if (method === 'Network.requestWillBeSent' && !/^(file|data|blob):/.test(params.request.url)) {
        problems.push(`asks for ${params.request.url}`);
      }
    });
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await call(`${domain}.enable`);
    await call('Emulation.setDeviceMetricsOverride',
      {width, height, deviceScaleFactor: 1, mobile});
    await call('Emulation.setEmulatedMedia', {features: [
      {name: 'prefers-color-scheme', value: dark ? 'dark' : 'light'}]});
    await call('Page.navigate', {url});
    await is_loaded;
    return {
      problems,
      async evaluate(expression) {
        const {result, exceptionDetails} = await call('Runtime.evaluate',
          {expression, returnByValue: true, awaitPromise: true});
        if (exceptionDetails) {
          throw new Error(exceptionDetails.exception ? exceptionDetails.exception.description
            : exceptionDetails.text);
        }
        return result.value;
      },
      async screenshot(clip = undefined, how = {format: 'png'}) {
        const {data} = await call('Page.captureScreenshot',
          {...how, captureBeyondViewport: true, clip});
        return Buffer.from(data, 'base64');
      },
      async click(x, y) {
        for (const type of ['mousePressed', 'mouseReleased']) {
          await call('Input.dispatchMouseEvent', {type, x, y, button: 'left', clickCount: 1});
        }
      },
      async move(x, y) { await call('Input.dispatchMouseEvent', {type: 'mouseMoved', x, y}); },
      async pdf() {
        const {data} = await call('Page.printToPDF', {printBackground: true});
        return Buffer.from(data, 'base64');
      },
      async close() { await send('Target.closeTarget', {targetId}); },
    };
  }

  return {
    open,
    async close() {
      await send('Browser.close').catch(() => {});
      await gone;
      rmSync(profile, {recursive: true, force: true});
    },
  };
}
