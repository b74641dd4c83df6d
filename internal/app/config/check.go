package config

import (
	"cmp"
	"fmt"
	"strings"
)

// CheckText lists the effective value of every key with the place it comes from, then the warnings and what is wrong.
// Secrets are masked. It is itself a configuration file: places and remarks are comments, and a key that nobody set and
// whose default is no value stays one. A key whose feature does not exist yet says so.
func (c *Config) CheckText() string {
	var out strings.Builder
	area := ""
	for _, key := range Keys() {
		s, set := c.set[key.Name]
		if key.Use != Active && !set {
			continue
		}
		if key.Area != area {
			area = key.Area
			fmt.Fprintf(&out, "\n## %s\n", area)
		}
		c.checkLine(&out, key, s, set)
	}
	c.checkRemarks(&out)
	return strings.TrimPrefix(out.String(), "\n")
}

func (c *Config) checkLine(out *strings.Builder, key Key, s setting, set bool) {
	place := s.where.String()
	if set && s.key != key.Name {
		place += ", as " + s.key
	}
	switch {
	case key.Use != Active:
		place += ", has no effect"
	case !key.Built:
		place += ", not built yet"
	}
	switch {
	case !set && key.Absent != "":
		fmt.Fprintf(out, "# %s: %s\n# %s:\n", place, strings.ReplaceAll(key.Absent, "`", ""), key.Name)
	case !set:
		writeSetting(out, place, key.Name, key.Default)
	case key.Use != Active:
		fmt.Fprintf(out, "# %s\n# %s: %s\n", place, s.key, key.Show(s.value))
	case s.value == "" && !key.Type.empty && !key.Empty:
		writeSetting(out, place+", empty: "+cmp.Or(key.Absent, "the default"), key.Name, key.Default)
	default:
		writeSetting(out, place, key.Name, key.Show(s.value))
	}
}

func writeSetting(out *strings.Builder, place, key, value string) {
	fmt.Fprintf(out, "# %s\n%s\n", place, strings.TrimRight(key+": "+value, " "))
}

func (c *Config) checkRemarks(out *strings.Builder) {
	engine := "RabbitMQ"
	if c.RabbitMQ.Embedded {
		engine = "embedded, in " + c.General.StateDirectory
	}
	fmt.Fprintf(out, "\n## In force\n# queue: %s (%s)\n", engine, c.RabbitMQ.Why)
	for _, n := range c.RabbitMQ.Nodes {
		fmt.Fprintf(out, "# broker: %s\n", n)
	}
	fmt.Fprintf(out, "# state directory: %s\n# lock: %s\n", c.General.StateDirectory, c.General.Lock)
	if len(c.Warnings) > 0 {
		out.WriteString("\n## Warnings\n")
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(out, "# %s\n", w)
	}
	if len(c.problems) > 0 {
		out.WriteString("\n## Wrong, the program does not start\n")
	}
	for _, p := range c.problems {
		fmt.Fprintf(out, "# %s\n", p)
	}
}
