// One dashboard as Grafana shows it, from window.BOARD: panels at their places, with the data of their queries.
import { Component, useEffect } from 'react';
import { createRoot } from 'react-dom/client';

// Required and not imported: their ES modules take the default of a CommonJS package for the component itself.
const { createTheme, FieldType, getDisplayProcessor, reduceField, ThemeContext, toDataFrame, dateTime, VizOrientation, MappingType } = require('@grafana/data');
const { BarGauge, BigValue, BigValueColorMode, BigValueGraphMode, GlobalStyles, PanelChrome, Table, TimeSeries } = require('@grafana/ui');

const board = window.BOARD;
const theme = createTheme({ colors: { mode: 'dark' } });
const GAP = 8, ROW = 30, HEAD = 46;
const timeRange = { from: dateTime(board.from), to: dateTime(board.to), raw: { from: dateTime(board.from), to: dateTime(board.to) } };

function named(target, labels) {
  const format = target.legendFormat;
  if (format && format !== '__auto') return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? '').trim();
  const rest = Object.entries(labels).filter(([name]) => name !== '__name__').map(([name, value]) => `${name}="${value}"`);
  return rest.length ? `{${rest.join(', ')}}` : 'Value';
}

// The series of a panel: name, labels, times (ms) and values.
function seriesOf(panel) {
  return panel.targets.flatMap((target) =>
    target.result.map(({ metric, values, value }) => {
      const points = values ?? [value];
      return { name: named(target, metric), labels: metric, times: points.map(([t]) => t * 1000), values: points.map(([, v]) => Number(v)) };
    })
  );
}

// Prometheus leaves out what is not there: a hole of more than a step is drawn as a hole.
function holed(series) {
  const times = [], values = [];
  series.times.forEach((time, i) => {
    if (i && time - series.times[i - 1] > 1500 * board.step) { times.push(series.times[i - 1] + 1000 * board.step); values.push(null); }
    times.push(time); values.push(Number.isFinite(series.values[i]) ? series.values[i] : null);
  });
  return { ...series, times, values };
}

function withDisplay(field, config, index) {
  field.config = { ...config, displayName: field.name };
  field.state = { seriesIndex: index, displayName: field.name };
  field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
  return field;
}

function frameOf(series, config, index) {
  const { times, values } = holed(series);
  const frame = toDataFrame({ fields: [{ name: 'Time', type: FieldType.time, values: times }, { name: series.name, type: FieldType.number, values }] });
  withDisplay(frame.fields[1], config, index);
  return frame;
}

function Lines({ panel, width, height }) {
  const custom = { drawStyle: 'line', lineInterpolation: 'linear', axisPlacement: 'auto', scaleDistribution: { type: 'linear' }, spanNulls: false, ...panel.fieldConfig.defaults.custom };
  const config = { color: { mode: 'palette-classic' }, ...panel.fieldConfig.defaults, custom };
  const frames = seriesOf(panel).map((series, index) => frameOf(series, config, index));
  return <TimeSeries frames={frames} width={width} height={height} timeRange={timeRange} timeZone="utc" legend={panel.options.legend} options={panel.options} />;
}

function Numbers({ panel, width, height }) {
  const series = seriesOf(panel);
  const config = { color: { mode: 'thresholds' }, ...panel.fieldConfig.defaults };
  return <div style={{ display: 'flex' }}>{series.map((one, index) => {
    const field = frameOf(one, config, index).fields[1];
    const { lastNotNull } = reduceField({ field, reducers: ['lastNotNull'] });
    const value = { ...field.display(lastNotNull), title: series.length > 1 || one.name !== 'Value' ? one.name : undefined };
    const line = one.values.length > 2 ? { y: field, x: undefined } : undefined;
    return <BigValue key={index} theme={theme} width={width / series.length} height={height} value={value} sparkline={line}
      colorMode={panel.options.colorMode ?? BigValueColorMode.Value} graphMode={line ? BigValueGraphMode.Area : BigValueGraphMode.None} />;
  })}</div>;
}

function Bars({ panel, width, height }) {
  const config = { color: { mode: 'thresholds' }, ...panel.fieldConfig.defaults };
  const series = seriesOf(panel).sort((a, b) => b.values.at(-1) - a.values.at(-1));
  const most = Math.max(...series.map((one) => one.values.at(-1)));
  const each = Math.min(46, height / series.length);
  return series.map((one, index) => {
    const field = frameOf(one, { ...config, max: config.max ?? most }, index).fields[1];
    const value = { ...field.display(one.values.at(-1)), title: one.name };
    return <BarGauge key={index} theme={theme} width={width} height={each - 4} value={value} field={field.config} display={field.display}
      orientation={VizOrientation.Horizontal} displayMode={panel.options.displayMode ?? 'basic'} showUnfilled />;
  });
}

function Rows({ panel, width, height }) {
  const { renameByName: names, indexByName: order } = panel.transformations[0].options;
  const columns = Object.keys(names).sort((a, b) => order[a] - order[b]);
  const series = seriesOf(panel).sort((a, b) => b.values.at(-1) - a.values.at(-1));
  const config = { color: { mode: 'thresholds' }, ...panel.fieldConfig.defaults, noValue: '' };
  const fields = columns.map((column) => ({
    name: names[column], type: column === 'Value' ? FieldType.number : FieldType.string,
    values: series.map((one) => (column === 'Value' ? one.values.at(-1) : one.labels[column] ?? '')),
  }));
  const frame = toDataFrame({ fields });
  const widths = Object.fromEntries((panel.fieldConfig.overrides ?? []).map(({ matcher, properties }) => [matcher.options, properties.find(({ id }) => id === 'custom.width')?.value]));
  frame.fields.forEach((field, index) => {
    const custom = { ...config.custom, width: widths[field.name] };
    withDisplay(field, field.type === FieldType.number ? { ...config, custom } : { custom }, index);
  });
  return <Table data={frame} width={width} height={height} />;
}

function colourOf(panel, value) {
  const mapping = panel.fieldConfig.defaults.mappings?.find((one) => one.type === MappingType.ValueToText)?.options?.[String(value)];
  return theme.visualization.getColorByName(mapping?.color ?? 'gray');
}

function Axis({ left, width, height }) {
  const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => [left + share * (width - left), new Date(board.from + share * (board.to - board.from))]);
  return marks.map(([x, time], i) => <text key={i} x={x} y={height - 4} fill={theme.colors.text.secondary} fontSize="11" textAnchor={i === 4 ? 'end' : i ? 'middle' : 'start'}>{time.toISOString().slice(11, 19)}</text>);
}

function States({ panel, width, height }) {
  const series = seriesOf(panel).sort((a, b) => a.name.localeCompare(b.name));
  const left = 260, each = Math.min(34, (height - 44) / Math.max(1, series.length));
  const texts = Object.values(panel.fieldConfig.defaults.mappings?.[0]?.options ?? {});
  const place = (time) => left + ((time - board.from) / (board.to - board.from)) * (width - left);
  return <svg width={width} height={height} fontFamily={theme.typography.fontFamily}>
    {series.map((one, row) => <g key={row}>
      <text x={0} y={row * each + each / 2 + 4} fill={theme.colors.text.primary} fontSize="12">{one.name}</text>
      {one.times.map((time, i) => <rect key={i} x={place(time)} y={row * each + 2} width={Math.max(1, place(time + 1000 * board.step) - place(time) + 0.5)} height={each - 4} fill={colourOf(panel, one.values[i])} />)}
    </g>)}
    <svg y={height - 44} width={width} height={24}><Axis left={left} width={width} height={20} /></svg>
    {texts.map((text, i) => <g key={i}><rect x={left + i * 110} y={height - 14} width={12} height={12} fill={theme.visualization.getColorByName(text.color)} /><text x={left + i * 110 + 18} y={height - 4} fill={theme.colors.text.primary} fontSize="12">{text.text}</text></g>)}
  </svg>;
}

function Heat({ panel, width, height }) {
  const series = seriesOf(panel).sort((a, b) => Number(a.labels.le.replace('+Inf', 'Infinity')) - Number(b.labels.le.replace('+Inf', 'Infinity')));
  const counts = series.map((one, row) => new Map(one.times.map((time, i) => [time, one.values[i] - (row ? series[row - 1].values[series[row - 1].times.indexOf(time)] ?? 0 : 0)])));
  const most = Math.max(1, ...counts.flatMap((row) => [...row.values()]));
  const left = 60, each = (height - 24) / series.length;
  const place = (time) => left + ((time - board.from) / (board.to - board.from)) * (width - left);
  return <svg width={width} height={height} fontFamily={theme.typography.fontFamily}>
    {counts.map((row, i) => <g key={i}>
      <text x={0} y={height - 24 - i * each - each / 2 + 4} fill={theme.colors.text.secondary} fontSize="11">{series[i].labels.le}</text>
      {[...row].map(([time, count]) => count > 0 && <rect key={time} x={place(time)} y={height - 24 - (i + 1) * each} width={place(time + 1000 * board.step) - place(time) + 0.5} height={each - 1} fill="rgb(255,152,48)" opacity={0.2 + 0.8 * Math.sqrt(count / most)} />)}
    </g>)}
    <Axis left={left} width={width} height={height} />
  </svg>;
}

const KINDS = { timeseries: Lines, stat: Numbers, bargauge: Bars, table: Rows, 'state-timeline': States, heatmap: Heat };

class Guard extends Component {
  state = {};
  static getDerivedStateFromError(error) { return { error }; }
  render() { return this.state.error ? <pre className="failed" style={{ color: 'red' }}>{String(this.state.error)}</pre> : this.props.children; }
}

function Content({ panel, width, height }) {
  const Kind = KINDS[panel.type];
  const empty = !panel.targets.some((target) => target.result.length);
  if (empty) return <div style={{ width, height, display: 'flex', alignItems: 'center', justifyContent: 'center', color: theme.colors.text.secondary }}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
  return <Guard><Kind panel={panel} width={width} height={height} /></Guard>;
}

function Panel({ panel }) {
  const { x, y, w, h } = panel.gridPos, unit = (board.width - GAP) / 24;
  const place = { position: 'absolute', left: GAP + x * unit, top: HEAD + y * (ROW + GAP), width: w * unit - GAP, height: h * (ROW + GAP) - GAP };
  if (panel.type === 'row') return <div style={{ ...place, fontSize: 16, paddingTop: 4 }}>⌄ {panel.title}</div>;
  return <div style={place}><PanelChrome title={panel.title} width={place.width} height={place.height}>
    {(width, height) => <Content panel={panel} width={width} height={height} />}
  </PanelChrome></div>;
}

function Board() {
  const bottom = Math.max(...board.panels.map(({ gridPos: { y, h } }) => y + h));
  useEffect(() => { document.title = 'drawn'; }, []);
  return <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <style>{`body { margin: 0; background: ${theme.colors.background.canvas}; color: ${theme.colors.text.primary}; font-family: ${theme.typography.fontFamily}; }`}</style>
    <div id="drawn" style={{ position: 'relative', width: board.width, height: HEAD + bottom * (ROW + GAP) + GAP }}>
      <div style={{ padding: '12px 8px', fontSize: 18 }}>{board.title}
        <span style={{ float: 'right', fontSize: 13, color: theme.colors.text.secondary }}>{board.marks.filter((mark) => mark.result.length).map((mark) => `${mark.name}: ${mark.result.length}`).join(' · ')}</span></div>
      {board.panels.map((panel) => <Panel key={panel.id} panel={panel} />)}
    </div>
  </ThemeContext.Provider>;
}

createRoot(document.getElementById('root')).render(<Board />);
