//! Atlassian Document Format, the JSON of Jira Cloud, as Markdown.
//!
//! Knows the nodes and marks of ADF version 1. Pure: a document in, a text out. No readable text is
//! lost: an unknown kind of node yields its children, or its name.
use serde_json::Value;

use crate::brief::text::fence;

/// The document as Markdown, without blank lines at its ends.
pub(super) fn to_markdown(document: &Value) -> String {
    blocks(document).trim().to_owned()
}

/// The children of a node as blocks with a blank line between them.
fn blocks(node: &Value) -> String {
    let mut text = String::new();
    let mut inlines = Vec::new();
    for child in children(node) {
        if is_inline(child) {
            inlines.push(child);
            continue;
        }
        push_block(&mut text, &inline(inlines.drain(..)), "\n\n");
        // A list inside an item follows its paragraph directly.
        let is_nested_list = kind(node) == "listItem" && kind(child).ends_with("List");
        push_block(&mut text, &block(child), if is_nested_list { "\n" } else { "\n\n" });
    }
    push_block(&mut text, &inline(inlines), "\n\n");
    text
}

fn push_block(text: &mut String, block: &str, gap: &str) {
    let block = block.trim_matches('\n');
    if block.trim().is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push_str(gap);
    }
    text.push_str(block);
}

fn block(node: &Value) -> String {
    match kind(node) {
        "paragraph" | "caption" => inline(children(node)),
        "heading" => {
            let level = attr(node, "level").and_then(Value::as_u64).unwrap_or(1).clamp(1, 6);
            format!(
                "{} {}",
                "#".repeat(usize::try_from(level).unwrap_or(1)),
                inline(children(node))
            )
        }
        "bulletList" => items(node, |_, _| "- ".to_owned()),
        "orderedList" => {
            let first = attr(node, "order").and_then(Value::as_u64).unwrap_or(1);
            items(node, |n, _| format!("{}. ", first.saturating_add(n)))
        }
        "taskList" => items(node, |_, item| {
            let is_done = attr_str(item, "state") == Some("DONE");
            if is_done { "- [x] " } else { "- [ ] " }.to_owned()
        }),
        "decisionList" => items(node, |_, _| "- Decision: ".to_owned()),
        "codeBlock" => fence(attr_str(node, "language").unwrap_or_default(), &code(node)),
        "blockquote" => quote(&blocks(node)),
        "rule" => "---".to_owned(),
        "panel" => {
            let label = attr_str(node, "panelType").unwrap_or("note");
            quote(&format!("**{label}**\n\n{}", blocks(node)))
        }
        "expand" | "nestedExpand" => match attr_str(node, "title").filter(|it| !it.is_empty()) {
            Some(title) => format!("**{title}**\n\n{}", blocks(node)),
            None => blocks(node),
        },
        "table" => table(node),
        "media" => media(node),
        "blockCard" | "embedCard" => card(node),
        "extension" => unknown(node),
        // mediaSingle, mediaGroup, layouts, bodied extensions and future kinds.
        _ if children(node).next().is_some() => blocks(node),
        _ => unknown(node),
    }
}

/// List items; each further line is indented as far as the text of the first.
fn items(list: &Value, marker: impl Fn(u64, &Value) -> String) -> String {
    let mut lines = Vec::new();
    for (n, item) in (0_u64..).zip(children(list)) {
        // Task lists nest a list directly in a list.
        if kind(item).ends_with("List") {
            lines.push(indent(&block(item), "  ", "  "));
            continue;
        }
        let marker = marker(n, item);
        let rest = " ".repeat(marker.chars().take_while(|&c| c != '[' && c != 'D').count());
        lines.push(indent(&blocks(item), &marker, &rest));
    }
    lines.join("\n")
}

fn indent(text: &str, first: &str, rest: &str) -> String {
    let mut indented = String::new();
    for (n, line) in text.lines().enumerate() {
        if n > 0 {
            indented.push('\n');
        }
        let lead = if n == 0 { first } else { rest };
        indented.push_str(if line.is_empty() { lead.trim_end() } else { lead });
        indented.push_str(line);
    }
    if indented.is_empty() { first.trim_end().to_owned() } else { indented }
}

fn quote(text: &str) -> String {
    indent(text, "> ", "> ")
}

/// A pipe table. Markdown requires a header, so a table without one gets an empty one.
fn table(node: &Value) -> String {
    let rows: Vec<&Value> = children(node).collect();
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row_cells(row)).collect();
    let n_columns = cells.iter().map(Vec::len).max().unwrap_or(0);
    if n_columns == 0 {
        return String::new();
    }
    let has_head =
        rows.first().is_some_and(|row| children(row).any(|it| kind(it) == "tableHeader"));
    let mut lines = Vec::new();
    if !has_head {
        lines.push(pipe_row(&[], n_columns));
    }
    lines.extend(cells.iter().map(|row| pipe_row(row, n_columns)));
    lines.insert(1, format!("|{}", " --- |".repeat(n_columns)));
    lines.join("\n")
}

fn row_cells(row: &Value) -> Vec<String> {
    let mut cells = Vec::new();
    for cell in children(row) {
        cells.push(blocks(cell).replace('|', "\\|").replace("\n\n", "<br>").replace('\n', "<br>"));
        let span = attr(cell, "colspan").and_then(Value::as_u64).unwrap_or(1).min(100);
        cells.extend((1..span).map(|_| String::new()));
    }
    cells
}

fn pipe_row(cells: &[String], n_columns: usize) -> String {
    let mut row = "|".to_owned();
    for idx in 0..n_columns {
        let cell = cells.get(idx).map_or("", String::as_str);
        row.push_str(if cell.is_empty() { " " } else { "" });
        row.push_str(&if cell.is_empty() { "|".to_owned() } else { format!(" {cell} |") });
    }
    row
}

fn inline<'a>(nodes: impl IntoIterator<Item = &'a Value>) -> String {
    nodes.into_iter().map(inline_node).collect()
}

fn inline_node(node: &Value) -> String {
    match kind(node) {
        "text" => marked(node),
        "hardBreak" => "\n".to_owned(),
        "mention" => {
            let name = attr_str(node, "text").or_else(|| attr_str(node, "id")).unwrap_or("someone");
            format!("@{}", name.trim_start_matches('@'))
        }
        "emoji" => attr_str(node, "text")
            .filter(|it| !it.is_empty())
            .or_else(|| attr_str(node, "shortName"))
            .unwrap_or_default()
            .to_owned(),
        "date" => date(node),
        "status" => format!("[{}]", attr_str(node, "text").unwrap_or_default()),
        "placeholder" => attr_str(node, "text").unwrap_or_default().to_owned(),
        "inlineCard" => card(node),
        "mediaInline" => media(node),
        _ if children(node).next().is_some() => inline(children(node)),
        _ => unknown(node),
    }
}

/// A text with its marks; colours, underlines and the like have no Markdown and are left out.
fn marked(node: &Value) -> String {
    let text = node.get("text").and_then(Value::as_str).unwrap_or_default();
    let marks = node.get("marks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let has = |name: &str| marks.iter().any(|mark| kind(mark) == name);
    let mut marked = if has("code") { code_span(text) } else { text.to_owned() };
    // A space at the edge of a marked text would keep Markdown from recognizing the mark.
    for (name, sign) in [("em", "*"), ("strong", "**"), ("strike", "~~")] {
        let word = marked.trim();
        if has(name) && !word.is_empty() {
            marked = marked.replacen(word, &format!("{sign}{word}{sign}"), 1);
        }
    }
    let link = marks.iter().find(|mark| kind(mark) == "link");
    match link.and_then(|mark| attr_str(mark, "href")) {
        Some(href) if href == text => format!("<{href}>"),
        Some(href) => format!("[{marked}]({href})"),
        None => marked,
    }
}

fn code_span(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// The text of a code block, which has no marks.
fn code(node: &Value) -> String {
    children(node).filter_map(|it| it.get("text").and_then(Value::as_str)).collect()
}

/// An attachment: the document has at most its name, never its content.
fn media(node: &Value) -> String {
    let named = ["alt", "__fileName", "url"].iter().find_map(|name| attr_str(node, name));
    match (named.filter(|it| !it.is_empty()), attr_str(node, "url")) {
        (Some(name), Some(url)) if name != url => format!("![{name}]({url})"),
        (_, Some(url)) => format!("![]({url})"),
        (Some(name), None) => format!("[attachment: {name}]"),
        (None, None) => "[attachment]".to_owned(),
    }
}

fn card(node: &Value) -> String {
    let data = attr(node, "data").and_then(|data| data.get("url")).and_then(Value::as_str);
    match attr_str(node, "url").or(data) {
        Some(url) => format!("<{url}>"),
        None => "[card]".to_owned(),
    }
}

/// A day, kept as milliseconds since 1970 in a string.
fn date(node: &Value) -> String {
    let Some(text) = attr_str(node, "timestamp") else { return "[date]".to_owned() };
    let time = text.parse().ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| text.to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}

fn unknown(node: &Value) -> String {
    let said = attr_str(node, "text").or_else(|| attr_str(node, "extensionKey"));
    match (said, kind(node)) {
        (Some(said), kind) => format!("[{kind}: {said}]"),
        (None, "") => String::new(),
        (None, kind) => format!("[{kind}]"),
    }
}

fn is_inline(node: &Value) -> bool {
    let inline = ["text", "hardBreak", "mention", "emoji", "date", "status", "placeholder"];
    kind(node).starts_with("inline") || kind(node) == "mediaInline" || inline.contains(&kind(node))
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    node.get("content").and_then(Value::as_array).into_iter().flatten()
}

fn kind(node: &Value) -> &str {
    node.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn attr<'a>(node: &'a Value, name: &str) -> Option<&'a Value> {
    node.get("attrs")?.get(name)
}

fn attr_str<'a>(node: &'a Value, name: &str) -> Option<&'a str> {
    attr(node, name)?.as_str()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A document with this content.
    #[track_caller]
    fn check(content: Value, want: &str) {
        assert_eq!(to_markdown(&json!({"type": "doc", "version": 1, "content": content})), want);
    }

    fn p(text: &str) -> Value {
        json!({"type": "paragraph", "content": [{"type": "text", "text": text}]})
    }

    fn with(text: &str, marks: Value) -> Value {
        json!([{"type": "paragraph", "content": [{"type": "text", "text": text, "marks": marks}]}])
    }

    #[test]
    fn paragraphs_and_headings() {
        let heading = json!({"type": "heading", "attrs": {"level": 3}, "content": [
            {"type": "text", "text": "Why"}]});
        check(
            json!([heading, p("one"), {"type": "paragraph"}, p("two"), {"type": "rule"}]),
            "### Why\n\none\n\ntwo\n\n---",
        );
        check(json!([]), "");
    }

    #[test]
    fn marks() {
        check(with("a b", json!([{"type": "strong"}, {"type": "em"}])), "***a b***");
        check(with("word ", json!([{"type": "strong"}])), "**word**");
        check(with("x", json!([{"type": "strike"}, {"type": "textColor"}])), "~~x~~");
        check(with("let `x`", json!([{"type": "code"}])), "`` let `x` ``");
        let link = json!([{"type": "link", "attrs": {"href": "https://x.y"}}]);
        check(with("here", link.clone()), "[here](https://x.y)");
        check(with("https://x.y", link), "<https://x.y>");
    }

    #[test]
    fn lists_nest() {
        let inner = json!({"type": "orderedList", "attrs": {"order": 3}, "content": [
            {"type": "listItem", "content": [p("c")]}, {"type": "listItem", "content": [p("d")]}]});
        let outer = json!({"type": "bulletList", "content": [
            {"type": "listItem", "content": [p("a"), inner]},
            {"type": "listItem", "content": [p("b"), p("more")]},
            {"type": "listItem", "content": []}]});
        check(json!([outer]), "- a\n  3. c\n  4. d\n- b\n\n  more\n-");
    }

    #[test]
    fn tasks_and_decisions() {
        let task = |state: &str, text: &str| {
            json!({"type": "taskItem", "attrs": {"state": state}, "content": [
                {"type": "text", "text": text}]})
        };
        let nested = json!({"type": "taskList", "content": [task("TODO", "c")]});
        check(
            json!([{"type": "taskList", "content": [task("DONE", "a"), task("TODO", "b"), nested]}]),
            "- [x] a\n- [ ] b\n  - [ ] c",
        );
        let decision = json!({"type": "decisionItem", "content": [{"type": "text", "text": "go"}]});
        check(json!([{"type": "decisionList", "content": [decision]}]), "- Decision: go");
    }

    #[test]
    fn code_cannot_end_its_fence() {
        let code = json!({"type": "codeBlock", "attrs": {"language": "sh"}, "content": [
            {"type": "text", "text": "a\n````\nb"}]});
        check(json!([code]), "`````sh\na\n````\nb\n`````");
    }

    #[test]
    fn panels_quotes_and_expands() {
        let panel =
            json!({"type": "panel", "attrs": {"panelType": "warning"}, "content": [p("mind")]});
        let quote = json!({"type": "blockquote", "content": [p("a"), p("b")]});
        let expand = json!({"type": "expand", "attrs": {"title": "Log"}, "content": [p("x")]});
        check(
            json!([panel, quote, expand]),
            "> **warning**\n>\n> mind\n\n> a\n>\n> b\n\n**Log**\n\nx",
        );
    }

    #[test]
    fn tables() {
        let cell = |kind: &str, content: Value| json!({"type": kind, "content": content});
        let row = |cells: Value| json!({"type": "tableRow", "content": cells});
        let wide = json!({"type": "tableCell", "attrs": {"colspan": 2}, "content": [p("all")]});
        check(
            json!([{"type": "table", "content": [
                row(json!([cell("tableHeader", json!([p("k")])), cell("tableHeader", json!([p("v")]))])),
                row(json!([cell("tableCell", json!([p("a|b"), p("c")])), cell("tableCell", json!([]))])),
                row(json!([wide]))]}]),
            "| k | v |\n| --- | --- |\n| a\\|b<br>c | |\n| all | |",
        );
        check(
            json!([{"type": "table", "content": [row(json!([cell("tableCell", json!([p("x")]))]))]}]),
            "| |\n| --- |\n| x |",
        );
    }

    #[test]
    fn what_stands_in_a_line() {
        check(
            json!([{"type": "paragraph", "content": [
                {"type": "mention", "attrs": {"id": "1", "text": "@Ann"}}, {"type": "hardBreak"},
                {"type": "emoji", "attrs": {"shortName": ":tada:", "text": "🎉"}},
                {"type": "emoji", "attrs": {"shortName": ":own:", "text": ""}},
                {"type": "date", "attrs": {"timestamp": "1767312000000"}},
                {"type": "status", "attrs": {"text": "DONE"}},
                {"type": "inlineCard", "attrs": {"url": "https://x.y/1"}}]}]),
            "@Ann\n🎉:own:2026-01-02[DONE]<https://x.y/1>",
        );
    }

    #[test]
    fn attachments_are_named() {
        let media = |attrs: Value| json!({"type": "mediaSingle", "content": [{"type": "media", "attrs": attrs}]});
        check(
            json!([
                media(json!({"type": "file", "id": "1", "alt": "screen.png"})),
                media(json!({"type": "external", "url": "https://x.y/a.png"})),
                media(json!({"type": "file", "id": "2"}))
            ]),
            "[attachment: screen.png]\n\n![](https://x.y/a.png)\n\n[attachment]",
        );
    }

    /// Any JSON that looks a little like a document.
    fn node() -> impl Strategy<Value = Value> {
        let kinds = "(doc|paragraph|text|bulletList|taskList|listItem|table|tableRow|tableCell|media|codeBlock|x)";
        let leaf =
            (kinds, any::<String>()).prop_map(|(kind, text)| json!({"type": kind, "text": text}));
        leaf.prop_recursive(6, 40, 5, move |inner| {
            (kinds, prop::collection::vec(inner, 0..5), any::<i64>()).prop_map(
                |(kind, content, n)| {
                    let attrs = json!({"colspan": n, "level": n, "order": n, "text": n});
                    json!({"type": kind, "content": content, "attrs": attrs})
                },
            )
        })
    }

    proptest! {
        #[test]
        fn no_document_is_too_odd(document in node()) {
            to_markdown(&document);
        }
    }

    #[test]
    fn what_is_not_known_is_not_dropped() {
        check(
            json!([
                {"type": "brandNew", "content": [p("kept")]},
                {"type": "brandNew"},
                {"type": "extension", "attrs": {"extensionKey": "toc"}},
                {"type": "layoutSection", "content": [{"type": "layoutColumn", "content": [p("l")]}]},
                7, null]),
            "kept\n\n[brandNew]\n\n[extension: toc]\n\nl",
        );
        assert_eq!(to_markdown(&json!("no document")), "");
    }
}
