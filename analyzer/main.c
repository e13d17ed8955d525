/* SPDX-License-Identifier: MIT */
/*
 * lockprof: the command line's first word.
 *
 * It finds the command and hands over. Options, help and messages belong to the commands
 * (options.c makes them from tables); here are only the two options that stand before a command.
 */
#include "cmd.h"
#include "options.h"
#include "output.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
	{ "record", cmd_record, "run a program and record its locks" },
	{ "report", cmd_report, "which locks cost time, and who made whom wait" },
	{ "order", cmd_order, "which locks can deadlock, or did" },
	{ "confirm", cmd_confirm, "run a program so that such a deadlock happens" },
	{ "diff", cmd_diff, "what changed between two recordings" },
	{ "check", cmd_check, "the same as a gate: fail when locks got worse" },
	{ "html", cmd_html, "the same and more as one page to look at" },
	{ "export", cmd_export, "for other tools: pprof, Perfetto, speedscope, SQLite, ..." },
	{ "top", cmd_top, "what a running program's locks do just now" },
	{ "ctl", cmd_ctl, "a running program: phases, recording on and off, a snapshot" },
	{ "info", cmd_info, "facts about a trace file" },
	{ "dump", cmd_dump, "the raw events of a trace file as text" },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
	fputs("usage: lockprof [--version] [--help] COMMAND [ARG...]\n\n", out);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-8s  %s\n", commands[i].name, commands[i].help);
	fputs("\n'lockprof COMMAND --help' lists the options of a command.\n"
	      "To record without lockprof: LD_PRELOAD=liblockprof.so ./app\n",
	      out);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int reject(const char *word)
{
	struct nearest nearest = nearest_begin(word);

	for (size_t i = 0; i < NR_COMMANDS; i++)
		nearest_offer(&nearest, commands[i].name);
	output_error("unknown %s '%s'%s%s%s", *word == '-' ? "option" : "command", word,
		     nearest.best ? "; did you mean '" : "", nearest.best ? nearest.best : "",
		     nearest.best ? "'?" : "");
	fputs("Try 'lockprof --help'.\n", stderr);
	return 2;
}

static int help(char *topic)
{
	const struct command *command = topic ? find_command(topic) : NULL;
	char option[] = "--help";
	char *argv[] = { topic, option, NULL };

	if (command)
		return command->run(2, argv);
	if (topic)
		return reject(topic);
	print_usage(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_usage(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("lockprof " LOCKPROF_VERSION);
		return 0;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return help(argv[2]);
	command = find_command(argv[1]);
	return command ? command->run(argc - 1, argv + 1) : reject(argv[1]);
}
