#!/bin/sh
# wtmag in tmux: one key in the prefix table opens the menu of wtmag, and tmux's own keys for a split
# open it in the worktree when the window is a worker's. Nothing else is changed.
#
# In tmux.conf, the line that `wtmag tmux init` prints; or, with the path of this file:
#   run-shell /path/to/wtmag.tmux
# Another key than W, before that line:
#   set -g @wtmag-key M-w
# Splits stay as they are where " and % are bound to something else, and with, before that line:
#   set -g @wtmag-split off
#
# Popups and the menu are `wtmag tmux menu`: they come from the program and fit its version.

program=${WTMAG_PROGRAM:-$(command -v wtmag)}
tmux=${WTMAG_TMUX:-tmux}
if [ -z "$program" ]; then
    "$tmux" display-message 'wtmag is not in PATH: no key was bound'
    exit 0
fi

"$tmux" set-option -goq @wtmag-key W
key=$("$tmux" show-option -gqv @wtmag-key)

# For the shell that runs it, then for tmux's formats: the path may hold anything.
quoted=$(printf '%s' "$program" | sed "s/'/'\\\\''/g; s/#/##/g")
"$tmux" bind-key -N 'Menu of wtmag: workers' "$key" run-shell -b \
    "exec '$quoted' -S #{q:socket_path} tmux menu --client #{q:client_name} --pane #{q:pane_id} </dev/null >/dev/null 2>&1"

# After a reboot, the hub goes on with what is planned, and tells which workers the reboot ended. Where
# wtmag was never used, this does nothing.
"$tmux" run-shell -b "exec '$quoted' -S #{q:socket_path} hub start --if-used </dev/null >/dev/null 2>&1"

# Elsewhere than in a worker's window the directory is empty: tmux takes the session's, as ever.
split() {
    # Of all keys: asked for one in a table, tmux 3.7 prints nothing.
    bound=$("$tmux" list-keys -T prefix | sed -n "s/ *\$//; s/^bind-key *-T prefix *\\\\*$1  *//p")
    [ "$bound" = "split-window$2" ] || return 0
    "$tmux" bind-key -N "$3" "$1" split-window$2 -c '#{?@wtmag_id,#{pane_current_path},}'
}
if [ "$("$tmux" show-option -gqv @wtmag-split)" != off ]; then
    split '"' '' 'Split window vertically'
    split '%' ' -h' 'Split window horizontally'
fi
