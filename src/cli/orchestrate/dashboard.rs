//! The dashboard beside an orchestrator: a pane of its window that runs `wtmag watch`.
use crate::{
    cli::{Context, Failure, seat::Tmux},
    model::Worker,
};

/// Columns of the dashboard, and of a window that has room for it beside the agent.
const WIDTH: u16 = 44;
const ROOM: u16 = 130;

/// Opens it, if there is none and the window is wide enough. Returns what the user should know.
pub(super) async fn open(context: &Context, worker: &Worker) -> Result<Option<String>, Failure> {
    let tmux = Tmux::find(context).await?;
    let pane = worker.place.pane.to_string();
    let panes = tmux.run(&["list-panes", "-t", &pane, "-F", "#{@wtmag_dashboard}"]).await?;
    if panes.lines().any(|it| it == "1") {
        return Ok(None);
    }
    let columns = columns(context, &tmux, &pane).await?;
    if columns < ROOM {
        return Ok(Some(format!(
            "no dashboard beside it: the terminal has {columns} columns, and {ROOM} are needed; `wtmag watch` opens one"
        )));
    }
    let (width, at) = (WIDTH.to_string(), context.whereabouts()?);
    let dir = worker.worktree.display().to_string().replace('#', "##");
    let (program, socket) =
        (at.program.display().to_string(), at.tmux_socket.display().to_string());
    let split = ["split-window", "-dhP", "-F", "#{pane_id}", "-l", &width, "-t", &pane, "-c", &dir];
    let command = ["--", &program, "-S", &socket, "watch"];
    let made = tmux.run(&[&split[..], &command[..]].concat()).await?;
    let mark = ["set-option", "-p", "-t", made.trim(), "@wtmag_dashboard", "1"];
    tmux.run(&mark).await?;
    let hook = keep_width(made.trim());
    // tmux 3.2 has no such hook; then it grows with the window.
    drop(tmux.run(&["set-hook", "-w", "-t", &pane, "window-resized", &hook]).await);
    Ok(None)
}

/// tmux shares out what a larger window gains: half of it would go to the dashboard.
fn keep_width(dashboard: &str) -> String {
    let is_there = format!("#{{P:#{{?#{{==:#{{pane_id}},{dashboard}}},1,}}}}");
    let is_wide = format!("#{{e|>=|:#{{window_width}},{ROOM}}}");
    format!("if-shell -F '#{{&&:{is_there},{is_wide}}}' 'resize-pane -t {dashboard} -x {WIDTH}'")
}

/// Those of this terminal, which will show it; else those of its window.
async fn columns(context: &Context, tmux: &Tmux, pane: &str) -> Result<u16, Failure> {
    if let Some(width) = context.style().width {
        return Ok(u16::try_from(width).unwrap_or(u16::MAX));
    }
    let text = tmux.run(&["display-message", "-p", "-t", pane, "#{window_width}"]).await?;
    Ok(text.trim().parse().unwrap_or_default())
}
