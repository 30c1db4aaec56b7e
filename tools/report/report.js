// What a report does in a browser: draws the charts that the page describes, sorts, filters and
// copies tables, hands out data as CSV. Numbers come from the page; nothing is computed here but
// their text. Plain ASCII, no dependencies; without ECharts the rest works.
'use strict';
(() => {
  const island = document.getElementById('data');
  const page = island ? JSON.parse(island.textContent) : {charts: {}};
  const root = document.documentElement;
  const all = (selector, from = document) => Array.from(from.querySelectorAll(selector));
  const make = (tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  // ---- Text of numbers ------------------------------------------------------------------------
  const grouped = (value, digits) =>
    value.toLocaleString('en-US', {minimumFractionDigits: 0, maximumFractionDigits: digits});
  const figure = (value) => {
    const size = Math.abs(value);
    if (size >= 1000) return grouped(value, 0);
    if (size >= 100) return grouped(value, 1);
    if (size >= 1 || size === 0) return grouped(value, 2);
    return Number(value.toPrecision(3)).toString();
  };
  const formats = {
    share: (v) => grouped(v * 100, v < 0.1 ? 2 : 1) + ' %',
    money: (v) => page.sign + figure(v),
    permillion: (v) => page.sign + figure(v) + '/M',
    count: (v) => figure(v),
    milliseconds: (v) => (v >= 1000 ? figure(v / 1000) + ' s' : figure(v) + ' ms'),
    percentile: (v) => 'p' + Number(v.toPrecision(6)),
  };
  const format = (unit) => (value) => {
    if (value === null || value === undefined || value === '' || Number.isNaN(+value)) return '-';
    if (typeof value === 'string' && unit === undefined) return value;
    return unit in formats ? formats[unit](+value) : figure(+value) + (unit ? ' ' + unit : '');
  };

  // ---- Charts ---------------------------------------------------------------------------------
  const probe = make('span', '', {hidden: ''});
  document.body.append(probe);
  const color = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  /// "$output" stands for the colour --output of the style sheet, wherever a colour may stand.
  const with_colors = (value, key) => {
    if (Array.isArray(value)) return value.map((item) => with_colors(item, key));
    if (value && typeof value === 'object') {
      const copy = {};
      for (const [name, item] of Object.entries(value)) copy[name] = with_colors(item, name);
      return copy;
    }
    const is_color = typeof value === 'string' && value[0] === '$' && /olor$/.test(key || '');
    return is_color ? color(value.slice(1)) : value;
  };
  const listed = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

  const dress_axis = (axis) => {
    axis.axisLabel = Object.assign({color: color('muted'), hideOverlap: true}, axis.axisLabel);
    if (axis.unit !== undefined) axis.axisLabel.formatter = format(axis.unit);
    axis.axisLine = Object.assign({lineStyle: {color: color('line')}}, axis.axisLine);
    axis.splitLine = Object.assign({lineStyle: {color: color('grid')}}, axis.splitLine);
    axis.nameTextStyle = Object.assign({color: color('muted')}, axis.nameTextStyle);
    axis.axisPointer = Object.assign({label: {formatter: (p) => format(axis.unit)(p.value)}},
      axis.axisPointer);
  };
  const escaped = (text) => make('i', String(text)).innerHTML;
  /// The row of data under the pointer, in full: for scattered points.
  const row_tooltip = (chart) => (point) => {
    const data = chart.data;
    const row = data.rows[point.data && point.data.row !== undefined ? point.data.row
      : point.dataIndex];
    if (!row) return '';
    return data.columns.map((column, i) =>
      `${escaped(column.label)}: <b>${escaped(format(column.unit)(row[i]))}</b>`).join('<br>');
  };

  const dressed = (chart, variant) => {
    const given = Object.assign({}, chart.option, variant ? variant.option : {});
    const option = with_colors(JSON.parse(JSON.stringify(given)));
    const small = root.clientWidth < 640;
    Object.assign(option, {animation: false, backgroundColor: 'transparent',
      textStyle: {fontFamily: getComputedStyle(document.body).fontFamily, color: color('ink')}});
    if (chart.use_dataset) {
      option.dataset = {dimensions: chart.data.columns.map((c) => c.name), source: chart.data.rows};
    }
    option.tooltip = Object.assign({confine: true, backgroundColor: color('card'),
      borderColor: color('line'), textStyle: {color: color('ink'), fontSize: 12}}, option.tooltip);
    if (option.tooltip.rows) option.tooltip.formatter = row_tooltip(chart);
    if (option.visualMap) {
      Object.assign(option.visualMap, {textStyle: {color: color('muted')},
        formatter: format(option.visualMap.unit)});
    }
    if (option.legend) {
      option.legend = Object.assign({top: 0, left: 0, type: 'scroll', icon: 'roundRect',
        itemWidth: 12, itemHeight: 9, itemGap: 14,
        inactiveColor: color('line'), pageIconColor: color('muted'),
        pageTextStyle: {color: color('muted')},
        textStyle: {color: color('ink')}}, option.legend);
    }
    if (option.xAxis) {
      const is_named = listed(option.xAxis).some((axis) => axis.name);
      option.grid = Object.assign({left: 4, right: small ? 10 : 20, bottom: is_named ? 28 : 8,
        top: option.legend ? 48 : listed(option.yAxis).some((axis) => axis.name) ? 30 : 10,
        containLabel: true}, option.grid);
    }
    for (const kind of ['xAxis', 'yAxis', 'parallelAxis']) listed(option[kind]).forEach(dress_axis);
    listed(option.yAxis).forEach((axis, i) => {
      axis.nameTextStyle.align = i === 0 ? 'left' : 'right';
    });
    for (const series of listed(option.series)) {
      if (series.unit !== undefined) {
        series.tooltip = Object.assign({valueFormatter: format(series.unit)}, series.tooltip);
      }
      if (series.label) {
        series.label = Object.assign({color: color('ink'), textBorderColor: 'transparent',
          textBorderWidth: 0}, series.label);
      }
    }
    if (small && option.small) {
      for (const [name, part] of Object.entries(option.small)) {
        option[name] = Array.isArray(option[name])
          ? option[name].map((item) => Object.assign(item, part))
          : Object.assign(option[name] || {}, part);
      }
    }
    delete option.small;
    return option;
  };

  const drawn = [];
  const draw = (figure_element) => {
    const chart = page.charts[figure_element.dataset.chart];
    const box = figure_element.querySelector('.plot');
    const marks = chart.data.rows.length;
    box.replaceChildren();
    box.classList.add('live');
    const instance = window.echarts.init(box, null, {renderer: marks > 600 ? 'canvas' : 'svg'});
    const entry = {figure: figure_element, chart, instance, variant: 0};
    entry.update = () => {
      const variant = chart.variants ? chart.variants[entry.variant] : null;
      instance.setOption(dressed(chart, variant), {notMerge: true});
    };
    entry.update();
    drawn.push(entry);
    return entry;
  };
  const switch_variant = (entry, index) => {
    entry.variant = index;
    all('.variants button', entry.figure).forEach((button, i) =>
      button.setAttribute('aria-pressed', String(i === index)));
    const answer = entry.chart.variants[index].answer;
    if (answer) entry.figure.querySelector('.answer').textContent = answer;
    all(`[data-variant-of="${entry.figure.dataset.chart}"] tbody tr`).forEach((row) =>
      row.classList.toggle('chosen', row.dataset.variant === entry.chart.variants[index].name));
    if (entry.update) entry.update();
  };

  // ---- Data behind a chart --------------------------------------------------------------------
  const csv_field = (value) => {
    const text = value === null || value === undefined ? '' : String(value);
    return /[",\n\r]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  };
  const csv_text = (rows) => rows.map((row) => row.map(csv_field).join(',')).join('\n') + '\n';
  const chart_csv = (chart) => csv_text([chart.data.columns.map((c) => c.name),
    ...chart.data.rows]);
  const download = (name, text) => {
    const link = make('a', '', {download: name,
      href: URL.createObjectURL(new Blob([text], {type: 'text/csv'}))});
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const fill_data_table = (details, chart) => {
    if (details.querySelector('table')) return;
    const most = 1000;
    const table = make('table');
    const head = table.createTHead().insertRow();
    chart.data.columns.forEach((c) => head.append(make('th', c.label, {scope: 'col'})));
    const body = table.createTBody();
    for (const row of chart.data.rows.slice(0, most)) {
      const line = body.insertRow();
      row.forEach((value, i) => line.append(make('td',
        typeof value === 'string' ? value : format(chart.data.columns[i].unit)(value))));
    }
    const box = make('div', undefined, {class: 'scroll', tabindex: '0', role: 'region',
      'aria-label': 'data'});
    box.append(table);
    details.append(box);
    if (chart.data.rows.length > most) {
      details.append(make('p', `The first ${most} rows; the CSV holds all ` +
        grouped(chart.data.rows.length, 0) + '.'));
    }
  };

  // ---- Tables ---------------------------------------------------------------------------------
  const cell_key = (row, column) => {
    const cell = row.cells[column];
    if (!cell) return null;
    if (cell.dataset.v !== undefined) return cell.dataset.v === '' ? null : +cell.dataset.v;
    return cell.textContent;
  };
  const sort_table = (table, column, descending) => {
    const rows = Array.from(table.tBodies[0].rows);
    const sign = descending ? -1 : 1;
    const keys = new Map(rows.map((row) => [row, cell_key(row, column)]));
    rows.sort((a, b) => {
      const x = keys.get(a), y = keys.get(b);
      if (x === null || y === null) return (x === null) - (y === null);
      if (typeof x === 'number' && typeof y === 'number') return sign * (x - y);
      return sign * String(x).localeCompare(String(y), 'en', {numeric: true});
    });
    table.tBodies[0].append(...rows);
    all('thead th', table).forEach((head, i) => head.setAttribute('aria-sort',
      i !== column ? 'none' : descending ? 'descending' : 'ascending'));
  };
  const visible_rows = (table) => [table.tHead.rows[0],
    ...Array.from(table.tBodies[0].rows).filter((row) => !row.hidden)];
  const cell_texts = (row) => Array.from(row.cells).map((cell) =>
    (cell.dataset.v !== undefined && cell.dataset.v !== '' ? cell.dataset.v : cell.textContent)
      .trim());
  const copy_text = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch (error) {
      const area = make('textarea', text, {class: 'offscreen'});
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
  };
  const make_tools = (table) => {
    const name = table.id;
    const tools = make('div', undefined, {class: 'tools'});
    const filter = make('input', undefined, {type: 'search', placeholder: 'Filter rows',
      'aria-label': 'Filter rows of ' + (table.caption ? table.caption.textContent : name)});
    const count = make('span', '', {class: 'count', 'aria-live': 'polite'});
    const apply = () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = table.chosen_rows;
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word)) ||
          Boolean(chosen && !chosen.has(+row.dataset.row));
        shown += row.hidden ? 0 : 1;
      }
      const total = table.tBodies[0].rows.length;
      count.textContent = shown === total ? `${total} rows` : `${shown} of ${total} rows`;
    };
    filter.addEventListener('input', apply);
    table.apply_filter = apply;
    const copy = make('button', 'Copy', {type: 'button'});
    copy.addEventListener('click', async () => {
      await copy_text(visible_rows(table).map((row) => cell_texts(row).join('\t')).join('\n'));
      copy.textContent = 'Copied';
      setTimeout(() => { copy.textContent = 'Copy'; }, 1200);
    });
    const save = make('button', 'CSV', {type: 'button'});
    save.addEventListener('click', () =>
      download(name + '.csv', csv_text(visible_rows(table).map(cell_texts))));
    tools.append(filter, count, copy, save);
    (table.closest('.scroll') || table).before(tools);
    apply();
  };
  for (const table of all('table.sortable')) {
    all('thead th', table).forEach((head, column) => {
      const button = make('button', head.textContent, {type: 'button'});
      head.replaceChildren(button);
      head.setAttribute('aria-sort', 'none');
      button.addEventListener('click', () =>
        sort_table(table, column, head.getAttribute('aria-sort') === 'ascending'));
    });
    if (table.classList.contains('tooled')) make_tools(table);
  }

  // ---- Points and rows belong together -----------------------------------------------------------
  const link_rows = (entry) => {
    const table = entry.chart.rows_of && document.getElementById(entry.chart.rows_of);
    if (!table) return;
    entry.instance.on('click', (event) => {
      const index = event.data && event.data.row !== undefined ? event.data.row : event.dataIndex;
      all('tr.chosen', table).forEach((row) => row.classList.remove('chosen'));
      const row = table.querySelector(`tr[data-row="${index}"]`);
      if (row) {
        row.classList.add('chosen');
        row.scrollIntoView({block: 'center'});
      }
    });
    entry.instance.on('axisareaselected', () => {
      const model = entry.instance.getModel().getSeries()[0];
      const inside = model.getRawIndicesByActiveState('active');
      const every = entry.chart.data.rows.length;
      const rows = model.getRawIndicesByActiveState('normal').length === every ? null : inside;
      table.chosen_rows = rows && new Set(rows.map((i) => entry.chart.row_numbers[i]));
      table.apply_filter();
    });
  };

  // ---- The page -------------------------------------------------------------------------------
  const scheme = window.matchMedia('(prefers-color-scheme: dark)');
  const redraw = () => drawn.forEach((entry) => entry.update());
  const theme = document.getElementById('theme');
  if (theme) {
    theme.hidden = false;
    theme.addEventListener('click', () => {
      const dark = root.dataset.theme ? root.dataset.theme === 'dark' : scheme.matches;
      root.dataset.theme = dark ? 'light' : 'dark';
      redraw();
    });
  }
  scheme.addEventListener('change', redraw);

  for (const figure_element of all('figure[data-chart]')) {
    const chart = page.charts[figure_element.dataset.chart];
    const entry = window.echarts ? draw(figure_element) : {figure: figure_element, chart};
    all('.variants button', figure_element).forEach((button, i) =>
      button.addEventListener('click', () => switch_variant(entry, i)));
    if (entry.instance) link_rows(entry);
    const details = figure_element.querySelector('details.behind');
    details.addEventListener('toggle', () => fill_data_table(details, chart));
    if (!window.echarts && !figure_element.querySelector('svg')) details.open = true;
    figure_element.querySelector('button.csv').addEventListener('click', () =>
      download(`${figure_element.dataset.chart}.csv`, chart_csv(chart)));
  }
  let waiting = 0;
  const fit = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => drawn.forEach((entry) => { entry.instance.resize();
      entry.update(); }), 80);
  };
  window.addEventListener('resize', fit);
  const before_print = root.dataset;
  window.addEventListener('beforeprint', () => {
    before_print.screen = before_print.theme || '';
    before_print.theme = 'light';
    drawn.forEach((entry) => { entry.instance.resize({width: 680}); entry.update(); });
  });
  window.addEventListener('afterprint', () => {
    if (before_print.screen) before_print.theme = before_print.screen;
    else delete before_print.theme;
    drawn.forEach((entry) => { entry.instance.resize({width: 'auto'}); entry.update(); });
  });
  root.classList.add('scripted');
})();
