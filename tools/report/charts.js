// What the reports use of ECharts, and nothing else: bundled by tools/report/bundle.cmake.
import * as echarts from 'echarts/core';
import {BarChart, HeatmapChart, LineChart, ParallelChart, SankeyChart, ScatterChart}
  from 'echarts/charts';
import {DataZoomInsideComponent, DatasetComponent, GridComponent,
  LegendComponent, MarkLineComponent, ParallelComponent, TooltipComponent, VisualMapComponent}
  from 'echarts/components';
import {CanvasRenderer, SVGRenderer} from 'echarts/renderers';

echarts.use([BarChart, HeatmapChart, LineChart, ParallelChart, SankeyChart, ScatterChart,
  DataZoomInsideComponent, DatasetComponent, GridComponent, LegendComponent,
  MarkLineComponent, ParallelComponent, TooltipComponent, VisualMapComponent,
  CanvasRenderer, SVGRenderer]);
window.echarts = echarts;
