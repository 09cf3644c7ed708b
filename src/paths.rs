//! Where things are: the only reader of HOME, XDG and TMUX variables.
//!
//! Knows names of files and directories and who may own them; not what is in them.
