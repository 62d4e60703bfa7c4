//! METRICS.md says what the program measures of itself: each metric that its components register.

use weir_pipeline::config::Env;
use weir_pipeline::plan::{Document, Plan};
use weir_pipeline::{Clock, Metrics, Read, Registry, Write};

use crate::harness::pages;

/// Pipelines that have every component which measures something.
const PIPELINES: &str = "
resources:
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  away: { bucket: { s3: { bucket: metrics, endpoint: 'http://127.0.0.1:1', region: here, credentials: anonymous } } }
  central: { store: { path: '${DIR}/central', bucket: main } }
  ring:
    ring:
      factor: 1
      members: [ { name: a, address: '127.0.0.1:1', read_address: '127.0.0.1:1' } ]
  all: { cluster: { ring: ring, bucket: main } }
  edge: { link: {} }
  copy: { link: {} }
  tenants: { limits: {} }
---
name: edge
source: { link: edge }
stages:
  - limit: { series: 1000 }
  - tee: { to: copy }
  - queue: { memory: { bytes: 1MiB } }
sink: { remote_write: { url: 'http://127.0.0.1:1/api/v1/write' } }
---
name: copy
source: { link: copy }
sink: { blocks: { store: central } }
---
name: agent
source: { scrape: { jobs: [ { job_name: self, static_configs: [ { targets: ['127.0.0.1:1'] } ] } ] } }
stages:
  - filter: { drop: ['nothing'] }
  - relabel: { rules: [ { action: labeldrop, regex: nothing } ] }
  - exec: { command: [cat] }
  - retry: { attempts: 3 }
  - timeout: 5s
sink: { blocks: { store: central } }
---
name: receive
source: { receive: { listen: '127.0.0.1:0' } }
stages:
  - shard: { ring: ring }
  - replicate: {}
sink: { peer: {} }
---
name: peers
source: { peers: { listen: '127.0.0.1:0' } }
sink: { blocks: { store: central } }
---
name: readers
source: { readers: { listen: '127.0.0.1:0' } }
sink: { samples: { store: central } }
---
name: query
source: { api: { listen: '127.0.0.1:0' } }
stages: [ { cache: {} } ]
sink: { promql: { cluster: all } }
";

/// The page of all metrics.
fn page(metrics: &Metrics) -> String {
    let mut out = include_str!("metrics.head.md").to_owned();
    for described in metrics.described() {
        out.push_str(&format!(
            "| `{}` | {} | {} |\n",
            described.name,
            described.kind,
            described.help.replace('|', "\\|")
        ));
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_metrics_says_what_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().display().to_string();
    let document = |(i, text): (usize, &str)| Document { name: format!("{i}.yaml"), text: text.to_owned() };
    let documents: Vec<Document> = PIPELINES.split("\n---\n").enumerate().map(document).collect();
    let registry = Registry::default()
        .with(weir_stages::register)
        .with(weir_exec::register)
        .with(weir_blocks::register)
        .with(weir_query::register);
    let env = Env::from_fn(move |name| (name == "DIR").then(|| home.clone()));
    let plan = Plan::read(&documents, &registry, &env)
        .unwrap_or_else(|mistakes| panic!("{}", mistakes.iter().map(|m| format!("{m}\n")).collect::<String>()));
    let metrics = Metrics::default();
    metrics.info("weir_build", "The version that runs", &[]);
    metrics.process();
    let mut running = plan.start(Clock::system(), metrics.clone()).await.unwrap();
    running.listeners().await;
    // A source may say that it listens just before it registers what it measures: once it has ended, it has registered.
    running.shutdown(std::time::Duration::from_secs(10)).await;
    let page = page(&metrics);

    pages::hold("METRICS.md", &page, "metrics");
    let sources = [registry.names::<Write>()[0].clone(), registry.names::<Read>()[0].clone()].concat();
    let missing: Vec<&&str> = sources.iter().filter(|source| !PIPELINES.contains(&format!("{{ {source}: "))).collect();
    assert!(missing.is_empty(), "sources that the test does not run: {missing:?}");
}
