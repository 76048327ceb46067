//! The comparison as a chart: a row a figure, a dot a system, further to the right the worse.

use std::error::Error;
use std::path::Path;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::combinators::{IntoLogRange, LogCoord};
use plotters::coord::types::RangedCoordf64;
use plotters::element::{Circle, PathElement, Text, TriangleMarker};
use plotters::prelude::{Cartesian2d, DrawingArea, IntoDrawingArea, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color, IntoFont, RGBColor, ShapeStyle, TextStyle, WHITE};

use crate::cell::Cell;
use crate::measure::Figure;
use crate::statistics::Spread;
use crate::table;

/// What is more times as bad as gort is drawn at the edge.
const MOST: f64 = 64.0;
/// The other edge goes as far as it has to, at least to here.
const LEAST: f64 = 0.5;

const WIDTH: u32 = 980;
const ROW_HEIGHT: u32 = 19;
const TOP: u32 = 80;
const BOTTOM: u32 = 44;
const LEFT: u32 = 250;
const RIGHT: u32 = 90;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<LogCoord<f64>, RangedCoordf64>>;
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One figure on all systems.
struct Row<'a> {
    cells: &'a [Cell],
    at: usize,
    figure: &'a Figure,
}

impl Row<'_> {
    fn name(&self) -> String {
        let name = self.cells[0].workload.name;
        match self.figure.head.trim_start() {
            "" => name.to_owned(),
            head => format!("{name}, {head}"),
        }
    }

    fn spread(&self, cell: &Cell) -> Option<Spread> {
        Some(cell.summary.as_ref()?.figures[self.at])
    }

    fn gort(&self) -> Option<(&Cell, f64)> {
        let gort = self.cells.iter().find(|cell| cell.system == "gort")?;
        Some((gort, self.spread(gort)?.median))
    }

    /// How many times as bad as gort: the quartiles and the median between them.
    fn worse(&self, cell: &Cell) -> Option<[f64; 3]> {
        let (_, gort) = self.gort()?;
        let Spread { p25, median, p75, .. } = self.spread(cell)?;
        Some([p25, median, p75].map(|value| self.figure.unit.worse(value, gort)))
    }
}

/// Writes the chart, as SVG.
pub(crate) fn draw(rows: &[Vec<Cell>], title: &str, file: &Path) -> Result<()> {
    let rows: Vec<Row<'_>> = rows.iter().flat_map(|cells| rows_of(cells)).collect();
    let height = TOP + BOTTOM + ROW_HEIGHT * rows.len() as u32;
    let area = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    head(&area, rows[0].cells, title)?;
    let medians =
        || rows.iter().flat_map(|row| row.cells.iter().filter_map(|cell| row.worse(cell)));
    let least = medians().map(|[_, median, _]| median).fold(LEAST, f64::min) / 1.2;
    let mut chart = ChartBuilder::on(&area)
        .margin_top(TOP)
        .margin_left(LEFT)
        .margin_right(RIGHT)
        .x_label_area_size(BOTTOM)
        .build_cartesian_2d((least..MOST).log_scale().base(2.0), rows.len() as f64..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(WHITE)
        .x_label_formatter(&|times| format!("{times}"))
        .x_desc("times gort's figure: to the right of 1 is worse than gort")
        .draw()?;
    let one = [(1.0, 0.0), (1.0, rows.len() as f64)];
    chart.draw_series([PathElement::new(one, BLACK.mix(0.5).stroke_width(1))])?;
    for (number, row) in rows.iter().enumerate() {
        draw_row(&area, &mut chart, row, number as f64 + 0.5, least)?;
    }
    area.present()?;
    Ok(())
}

fn rows_of(cells: &[Cell]) -> impl Iterator<Item = Row<'_>> {
    let figures = cells[0].workload.figures().iter().enumerate();
    figures.map(move |(at, figure)| Row { cells, at, figure })
}

/// The circumstances, and whose dot is whose.
fn head(area: &Area<'_>, cells: &[Cell], title: &str) -> Result<()> {
    let title = title.replace("**", "");
    let (machine, rest) = title.split_once("; ").unwrap_or((&title, ""));
    for (line, y) in [(machine, 8), (rest, 24)] {
        area.draw(&Text::new(line.to_owned(), (10, y), text(11, HPos::Left, VPos::Top)))?;
    }
    for (cell, x) in cells.iter().zip((LEFT as i32..).step_by(100)) {
        area.draw(&Circle::new((x + 8, 62), 5, colour(cell.system).filled()))?;
        let name = cell.system.to_owned();
        area.draw(&Text::new(name, (x + 18, 62), text(13, HPos::Left, VPos::Center)))?;
    }
    Ok(())
}

fn draw_row(
    area: &Area<'_>,
    chart: &mut Chart<'_, '_>,
    row: &Row<'_>,
    y: f64,
    least: f64,
) -> Result<()> {
    let (_, height) = chart.backend_coord(&(1.0, y));
    let left = (LEFT as i32 - 10, height);
    area.draw(&Text::new(row.name(), left, text(13, HPos::Right, VPos::Center)))?;
    if let Some((gort, median)) = row.gort() {
        let value = table::number(Some(median), row.figure.unit, gort);
        let value = if value.ends_with('%') { value } else { format!("{value} ns") };
        let right = ((WIDTH - 10) as i32, height);
        area.draw(&Text::new(value, right, text(13, HPos::Right, VPos::Center)))?;
    }
    let line = PathElement::new([(least, y), (MOST, y)], BLACK.mix(0.1).stroke_width(1));
    chart.draw_series([line])?;
    // gort comes first and is drawn last, on top.
    for cell in row.cells.iter().rev() {
        if let Some(worse) = row.worse(cell) {
            draw_dot(chart, worse, y, colour(cell.system), least)?;
        }
    }
    Ok(())
}

fn draw_dot(
    chart: &mut Chart<'_, '_>,
    worse: [f64; 3],
    y: f64,
    colour: RGBColor,
    least: f64,
) -> Result<()> {
    let [p25, median, p75] = worse.map(|value| value.clamp(least, MOST));
    let style: ShapeStyle = colour.stroke_width(2);
    chart.draw_series([PathElement::new([(p25, y), (p75, y)], style)])?;
    match worse[1] < MOST {
        true => chart.draw_series([Circle::new((median, y), 5, colour.filled())])?,
        false => chart.draw_series([TriangleMarker::new((median, y), 6, colour.filled())])?,
    };
    Ok(())
}

fn text<'a>(size: u32, h: HPos, v: VPos) -> TextStyle<'a> {
    ("sans-serif", size).into_font().color(&BLACK).pos(Pos::new(h, v))
}

/// Colours that everybody can tell apart; those with a trace are darker.
fn colour(system: &str) -> RGBColor {
    match system {
        "gort" => RGBColor(0xd5, 0x5e, 0x00),
        "go" => RGBColor(0x00, 0x72, 0xb2),
        "may" => RGBColor(0x00, 0x9e, 0x73),
        "go-lib" => RGBColor(0xcc, 0x79, 0xa7),
        "tokio" => RGBColor(0xe6, 0x9f, 0x00),
        "threads" => RGBColor(0x56, 0xb4, 0xe9),
        traced if traced.starts_with("gort") => RGBColor(0x80, 0x38, 0x00),
        _ => RGBColor(0x00, 0x38, 0x60),
    }
}
