#!/bin/sh
# wtmag in tmux. In tmux.conf, as its last line, put what `wtmag tmux init` prints; or, with the path of
# this file:
#   run-shell /path/to/wtmag.tmux
#
# It adds these parts, and `wtmag tmux remove` removes them:
#   a key for the menu, prefix W            another key:   set -g @wtmag-key M-w
#   a mark for each worker's window         without it:    set -g @wtmag-marks off
#   a summary at the left of status-right   without it:    set -g @wtmag-summary off
#   a worker's id on its pane's border      without it:    set -g @wtmag-titles off
#   splits that open in the worktree        without them:  set -g @wtmag-split off
# Set these options before that line. Split keys that you have bound yourself, and formats in which you already
# use wtmag's options, stay as they are.
#
# Popups and the menu are `wtmag tmux menu`: they come from the program and fit its version.

program=${WTMAG_PROGRAM:-$(command -v wtmag)}
tmux=${WTMAG_TMUX:-tmux}

option() { "$tmux" show-option -gqv "$1"; }
is_on() { [ "$(option "$1")" != off ]; }

# tmux takes a ; at the end of an argument for the end of the command.
set_global() {
    value=$2
    case $value in *\;) value=${value%;}\\\; ;; esac
    "$tmux" set-option -g -- "$1" "$value"
}

# Adds a piece to a format that does not use wtmag's options yet.
append() {
    value=$(option "$1")
    case $value in *@wtmag_*) ;; *) set_global "$1" "$value$2" ;; esac
}
take_out() {
    value=$(option "$1")
    case $value in *"$2"*) set_global "$1" "${value%%"$2"*}${value#*"$2"}" ;; esac
}

mark='#{?@wtmag_mark, #{@wtmag_mark},}'
title='#{?@wtmag_pane, #{@wtmag_pane},}'
summary='#{?@wtmag_summary,#{@wtmag_summary}  ,}'
# Columns of the summary.
room=24

# The keys of the menu.
keys='w n Tab c a t d l m r s x o'
key=$(option @wtmag-key)
key=${key:-W}

# What a key in the prefix table is bound to. Of all keys: asked for one in a table, tmux 3.7 prints nothing.
bound() { "$tmux" list-keys -T prefix | sed -n "s/ *\$//; s/^bind-key *-T prefix *\\\\*$1  *//p"; }

# Outside a worker's window the directory is empty: then tmux uses the session's, as usual.
own_split() { printf '%s' "split-window$1 -c \"#{?@wtmag_id,#{pane_current_path},}\""; }
split() {
    [ "$(bound "$1")" = "split-window$2" ] || return 0
    "$tmux" bind-key -N "$3" "$1" split-window$2 -c '#{?@wtmag_id,#{pane_current_path},}'
}
no_split() {
    [ "$(bound "$1")" = "$(own_split "$2")" ] || return 0
    "$tmux" bind-key -N "$3" "$1" split-window$2
}

if [ "$1" = remove ]; then
    case $(bound "$key") in *'tmux menu --client'*) "$tmux" unbind-key "$key" ;; esac
    "$tmux" unbind-key -a -q -T wtmag
    "$tmux" unbind-key -a -q -T wtmag-repeat
    no_split '"' '' 'Split window vertically'
    no_split '%' ' -h' 'Split window horizontally'
    take_out window-status-format "$mark"
    take_out window-status-current-format "$mark"
    take_out pane-border-format "$title"
    case $(option status-right) in
    *"$summary"*)
        take_out status-right "$summary"
        set_global status-right-length $(($(option status-right-length) - room))
        ;;
    esac
    "$tmux" show-options -g | sed -n 's/^\(@wtmag_[a-z0-9_]*\).*/\1/p' | while read -r name; do
        "$tmux" set-option -gu "$name"
    done
    exit 0
fi

if [ -z "$program" ]; then
    "$tmux" display-message 'wtmag is not in PATH: no key was bound'
    exit 0
fi

# For the shell that runs it, then for tmux's formats: the path may hold anything.
quoted=$(printf '%s' "$program" | sed "s/'/'\\\\''/g; s/#/##/g")
run="exec '$quoted' -S #{q:socket_path}"
silent='</dev/null >/dev/null 2>&1'
menu="$run tmux menu --client #{q:client_name} --pane #{q:pane_id}"
# Until the menu appears, a key table has its keys: a key that is pressed early is not lost.
"$tmux" bind-key -N 'Menu of wtmag: workers' "$key" switch-client -T wtmag '\;' \
    run-shell -b "$menu $silent"
for letter in $keys; do
    "$tmux" bind-key -T wtmag "$letter" run-shell -b "$menu --key $letter $silent"
done
# These repeat, without the prefix, for a moment.
"$tmux" bind-key -T wtmag-repeat n run-shell -b "$menu --key n $silent"
"$tmux" bind-key -T wtmag-repeat Tab run-shell -b "$menu --key Tab $silent"

# After a reboot, the hub runs what is scheduled, and reports which workers the reboot ended. If wtmag was
# never used, this does nothing.
"$tmux" run-shell -b "$run hub start --if-used $silent"

if is_on @wtmag-split; then
    split '"' '' 'Split window vertically'
    split '%' ' -h' 'Split window horizontally'
fi
if is_on @wtmag-marks; then
    append window-status-format "$mark"
    append window-status-current-format "$mark"
fi
if is_on @wtmag-titles; then
    append pane-border-format "$title"
fi
if is_on @wtmag-summary; then
    value=$(option status-right)
    case $value in
    *@wtmag_*) ;;
    *)
        set_global status-right "$summary$value"
        set_global status-right-length $(($(option status-right-length) + room))
        ;;
    esac
fi
