//! What is left of a profile whose rules do not fit the agent's screen.
use super::{GENERIC, Profile};

/// The profile with its keys and launch, and with the boxes and dialogs of the generic one. With
/// `any_program`, whatever is in the foreground is taken for the agent, but for a shell.
pub fn by_shape(own: &Profile, any_program: bool) -> Profile {
    let Some(generic) = Profile::shared(GENERIC) else { return own.clone() };
    let foreground = if any_program { Vec::new() } else { own.foreground.clone() };
    let mut paste = own.paste.clone();
    paste.folded.extend(generic.paste.folded.iter().cloned());
    Profile {
        foreground,
        paste,
        structural: true,
        input: None,
        rules: generic.rules.clone(),
        timing: generic.timing.clone(),
        ..own.clone()
    }
}
