//! Open issues that are the user's, or that have a label.
use super::{
    SPEC,
    api::{ask, read},
    json::ItemJson,
    project,
};
use crate::{
    model::SourceKind,
    sources::{
        Context, Error,
        ready::{Ready, Wanted},
    },
};

/// The first hundred, the oldest first.
pub(super) async fn ready(cx: &Context<'_>, wanted: &Wanted) -> Result<Vec<Ready>, Error> {
    let project = project(cx).await?;
    let whose = match &wanted.label {
        Some(label) => format!("scope=all&labels={}", encoded(label)),
        None => "scope=assigned_to_me".to_owned(),
    };
    let order = "order_by=created_at&sort=asc&per_page=100";
    let path = format!("projects/{}/issues?state=opened&{whose}&{order}", project.id);
    let found = ask(cx, None, &[&path]).await.map_err(|it| it.into_error(cx))?;
    let found: Vec<ItemJson> = read(&found)?;
    let one = |it: ItemJson| {
        let number = it.iid.to_string();
        let url = if it.web_url.starts_with("https://") { it.web_url.as_str() } else { "" };
        let task = (SourceKind::GitlabIssue, number.as_str(), url);
        Ready::new((SPEC.flag, number.clone()), task, &it.title, &it.labels)
    };
    Ok(found.into_iter().map(one).collect())
}

/// As the value of a query: `a b` is `a%20b`.
fn encoded(text: &str) -> String {
    let one = |byte: u8| {
        let byte_is_plain = byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        if byte_is_plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_value_of_the_query() {
        assert_eq!(encoded("good first&x=ü"), "good%20first%26x%3D%C3%BC");
    }
}
