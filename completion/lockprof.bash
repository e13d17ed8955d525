# SPDX-License-Identifier: MIT
# bash completion for lockprof

_lockprof()
{
	local cur=${COMP_WORDS[COMP_CWORD]} command= at words
	COMPREPLY=()
	for ((at = 1; at < COMP_CWORD; at++)); do
		[[ ${COMP_WORDS[at]} == -* ]] || { command=${COMP_WORDS[at]}; break; }
	done
	if [[ -z $command ]]; then
		COMPREPLY=($(compgen -W 'record report order diff check html export confirm top ctl info dump help --help --version' -- "$cur"))
		return
	fi
	if [[ $command == help ]]; then
		COMPREPLY=($(compgen -W 'record report order diff check html export confirm top ctl info dump' -- "$cur"))
		return
	fi
	if [[ $cur == -* ]]; then
		# The options are those that the command itself lists.
		words=$("${COMP_WORDS[0]}" "$command" --help 2>/dev/null |
			sed -nE 's|^  -., --([a-z-]+=?).*|--\1|p; s|^      --([a-z-]+=?).*|--\1|p')
		COMPREPLY=($(compgen -W "$words" -- "$cur"))
		[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
		return
	fi
	if [[ $command == export && $at -eq $((COMP_CWORD - 1)) ]]; then
		COMPREPLY=($(compgen -W 'pprof perfetto speedscope folded sqlite openmetrics jsonl csv' -- "$cur"))
		return
	fi
	if [[ $command == ctl && $at -lt $((COMP_CWORD - 1)) ]]; then
		COMPREPLY=($(compgen -W 'start stop phase work snapshot status' -- "$cur"))
		return
	fi
	if [[ $command == record || $command == confirm || $command == check ]]; then
		COMPREPLY=($(compgen -c -- "$cur") $(compgen -f -- "$cur"))
	else
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}

complete -o bashdefault -F _lockprof lockprof
