//! A program that hears with reqwest-eventsource, which comes back on its own. Only when its token is refused does the
//! program begin again, after the last id that it has seen. It prints what it hears as JSON lines.

use futures_util::StreamExt;
use reqwest_eventsource::{Error, Event, EventSource};
use serde_json::{json, Value};

fn say(line: Value) {
    println!("{line}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0)
    });
    let config: Value = serde_json::from_str(&std::env::args().last().unwrap()).unwrap();
    let text = |name: &str| config[name].as_str().unwrap().to_string();
    let client = reqwest::Client::new();
    let mut last = String::new();
    loop {
        let token = client.get(text("tokens")).send().await.unwrap().text().await.unwrap();
        let request = client.get(format!("{}/api/notices?last_event_id={last}", text("url")));
        let mut source = EventSource::new(request.bearer_auth(token)).unwrap();
        while let Some(event) = source.next().await {
            match event {
                Ok(Event::Open) => say(json!({"kind": "connect"})),
                Ok(Event::Message(message)) => {
                    last = message.id.clone();
                    let payload: Value = serde_json::from_str(&message.data).unwrap();
                    say(json!({"kind": "event", "text": message.event, "payload": payload, "id": message.id}));
                }
                Err(Error::InvalidStatusCode(status, _)) => {
                    say(json!({"kind": "refused", "text": status.as_str()}));
                    if status != 401 {
                        return;
                    }
                }
                Err(err) => say(json!({"kind": "disconnect", "text": err.to_string()})),
            }
        }
    }
}
