//! The cappuccino of the documentation of Go's `runtime/trace`, brewed in Rust.
//!
//! Each order is a trace task, `makeCappuccino`. Milk and coffee are made in goroutines of their
//! own, in the regions `steamMilk` and `extractCoffee`, and meet over channels in
//! `mixMilkCoffee`. Many orders are under way at once.
//!
//! ```text
//! cargo run --release --example cappuccino -- [--orders N] [--trace FILE]
//! ```

use std::error::Error;
use std::fs::File;
use std::process::exit;
use std::time::Duration;

use gort::chan::{Receiver, Sender};
use gort::sync::WaitGroup;
use gort::{Context, trace};

/// Goroutines that take orders.
const BARISTAS: u64 = 4;

struct Milk;
struct Coffee;

fn main() {
    let (orders, file) = arguments();
    let out = File::create(&file).unwrap_or_else(|error| {
        eprintln!("cappuccino: {file}: {error}");
        exit(1);
    });
    // SAFETY: no goroutine below keeps anything of its thread's own over a call that blocks.
    let summary = unsafe {
        gort::run(|| -> Result<trace::Summary, Box<dyn Error + Send + Sync>> {
            trace::start(out)?;
            serve(orders);
            Ok(trace::stop()?)
        })
    };
    let summary = summary.unwrap_or_else(|error| {
        eprintln!("cappuccino: {file}: {error}");
        exit(1);
    });
    println!("{orders} cappuccinos served, {} events in {file}", summary.events());
    println!("To see how, with Go installed:\n    go tool trace {file}");
    println!("    go tool trace -d=parsed {file}");
}

/// Hands the orders to the baristas and waits until the last one is served.
fn serve(orders: u64) {
    let (counter, queue) = gort::chan(0);
    let baristas = WaitGroup::new();
    for _ in 0..BARISTAS {
        let queue = queue.clone();
        baristas.go(move || barista(queue));
    }
    for order in 0..orders {
        counter.send(order).expect("the baristas are there");
    }
    drop(counter);
    baristas.wait();
}

/// Starts every order at once: one barista keeps many machines busy.
fn barista(queue: Receiver<u64>) {
    let brewing = WaitGroup::new();
    for order in queue {
        brewing.go(move || make_cappuccino(order));
    }
    brewing.wait();
}

fn make_cappuccino(order: u64) {
    let (ctx, _task) = trace::new_task(&Context::background(), "makeCappuccino");
    trace::log(&ctx, "orderID", &order.to_string());

    let (pour_milk, milk) = gort::chan(0);
    let (pour_coffee, coffee) = gort::chan(0);
    let (milk_ctx, coffee_ctx) = (ctx.clone(), ctx.clone());
    gort::go(move || steam_milk(&milk_ctx, pour_milk));
    gort::go(move || extract_coffee(&coffee_ctx, pour_coffee));
    mix_milk_coffee(&ctx, milk, coffee);
}

fn steam_milk(ctx: &Context, pour: Sender<Milk>) {
    let milk = trace::with_region(ctx, "steamMilk", || {
        gort::sleep(Duration::from_micros(300));
        Milk
    });
    pour.send(milk).expect("the mixer waits");
}

fn extract_coffee(ctx: &Context, pour: Sender<Coffee>) {
    let coffee = trace::with_region(ctx, "extractCoffee", || {
        gort::sleep(Duration::from_micros(500));
        Coffee
    });
    pour.send(coffee).expect("the mixer waits");
}

fn mix_milk_coffee(ctx: &Context, milk: Receiver<Milk>, coffee: Receiver<Coffee>) {
    let _region = trace::start_region(ctx, "mixMilkCoffee");
    let _milk: Milk = milk.recv().expect("milk comes");
    let _coffee: Coffee = coffee.recv().expect("coffee comes");
}

/// The number of orders and the trace's file.
fn arguments() -> (u64, String) {
    let (mut orders, mut file) = (20, "trace.out".to_owned());
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        match (name.as_str(), arguments.next()) {
            ("--orders", Some(n)) => orders = n.parse().unwrap_or_else(|_| usage()),
            ("--trace", Some(f)) => file = f,
            _ => usage(),
        }
    }
    (orders, file)
}

fn usage() -> ! {
    eprintln!("usage: cappuccino [--orders N] [--trace FILE]");
    exit(2)
}
