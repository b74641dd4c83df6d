package settings

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// LimitField is one limit in force and the row that it comes from.
type LimitField struct {
	Name  string `json:"name"`  // the column, as domain_maxmessages
	Value string `json:"value"` // for people: 100, unlimited, 5s, yes, required
	From  string `json:"from"`  // capacity 12, flood_responses 3, or built-in
}

// capacity holds the limits by what they are for, each with the rows of equal weight already laid over one another.
type capacity struct {
	rows    map[pair]*limitRow   // for a domain; the zero address = all
	bases   map[netip.Addr]*base // by address: its rows over those for everything over the built-in
	base    base                 // of the other addresses
	floods  map[int64]*values
	domains []string // sorted
	known   map[string]bool
}

// pair is what a row is for; zero fields are all.
type pair struct {
	source netip.Addr
	domain string
}

// limitRow is one row of capacity, or several for the same pair.
type limitRow struct {
	pair
	order int64
	id    int64
	ids   *[numFields]int64 // of several rows: where each field comes from
	values
}

// base has all fields set.
type base struct {
	values
	from origins
}

// origin is the row that a field comes from; zero is the built-in value.
type origin struct {
	flood bool
	id    int64
}

type origins [numFields]origin

func (o origin) String() string {
	switch {
	case o.flood:
		return fmt.Sprintf("%s %d", tableFloods, o.id)
	case o.id == 0:
		return "built-in"
	}
	return fmt.Sprintf("%s %d", tableCapacity, o.id)
}

func (r *limitRow) origin(field int) origin {
	if r.ids != nil {
		return origin{id: r.ids[field]}
	}
	return origin{id: r.id}
}

// newCapacity lays rows of the same pair over one another: the first in the list, then the lower id, has the word, and what it
// leaves unset comes from the next.
func newCapacity(rows []*limitRow, floods map[int64]*values) capacity {
	slices.SortStableFunc(rows, func(a, b *limitRow) int { return cmp.Compare(a.order, b.order) })
	c := capacity{rows: map[pair]*limitRow{}, bases: map[netip.Addr]*base{}, floods: floods, known: map[string]bool{}}
	for _, row := range rows {
		if first := c.rows[row.pair]; first != nil {
			first.complete(row)
			continue
		}
		c.rows[row.pair] = row
	}
	c.settleBases()
	for p := range c.rows {
		c.known[p.domain] = true
	}
	for domain := range c.known {
		c.domains = append(c.domains, domain)
	}
	slices.Sort(c.domains)
	return c
}

// settleBases takes the rows without domain out of the map: they are resolved once and for all.
func (c *capacity) settleBases() {
	c.base.values = builtIns()
	if row := c.rows[pair{}]; row != nil {
		c.base.overlay(row)
	}
	for p, row := range c.rows {
		if p.domain != "" {
			continue
		}
		if p.source.IsValid() {
			b := c.base
			b.overlay(row)
			c.bases[p.source] = &b
		}
		delete(c.rows, p)
	}
}

// complete takes what is unset from a row that comes later in the list.
func (r *limitRow) complete(next *limitRow) {
	if r.ids == nil {
		r.ids = new([numFields]int64)
		for i := range r.ids {
			r.ids[i] = r.id
		}
	}
	for i, v := range next.values {
		if r.values[i] == unset && v != unset {
			r.values[i], r.ids[i] = v, next.id
		}
	}
}

func (b *base) overlay(row *limitRow) {
	for i, v := range row.values {
		if v != unset {
			b.values[i], b.from[i] = v, row.origin(i)
		}
	}
}

// set keeps the gentler of the value that rows of equal weight gave before and this one.
func (v *values) set(field int, n int64) (changed bool) {
	if old := v[field]; old != unset {
		n = fields[field].gentler(old, n)
		changed = n != old
	} else {
		changed = true
	}
	v[field] = n
	return changed
}

// resolve gives the fields in force and, if from is not nil, where they come from.
func (c *capacity) resolve(source netip.Addr, domains []string, floods []int64, from *origins) values {
	source = source.Unmap()
	b := &c.base
	if own := c.bases[source]; own != nil {
		b = own
	}
	all := b.values
	if from != nil {
		*from = b.from
	}
	if len(c.rows) > 0 {
		c.ofDomains(&all, source, domains, from)
	}
	if len(floods) > 0 {
		c.ofFloods(&all, floods, from)
	}
	return all
}

// ofDomains finds for each domain what its own rows say, that of the pair first, and for the group the gentlest of it: nothing
// then exceeds a row that governs one of the domains.
func (c *capacity) ofDomains(all *values, source netip.Addr, domains []string, from *origins) {
	own := nothing()
	for _, domain := range domains {
		exact, wide := c.rows[pair{source, domain}], c.rows[pair{domain: domain}]
		for i := range own {
			row := exact
			if row == nil || row.values[i] == unset {
				row = wide
			}
			if row != nil && row.values[i] != unset && own.set(i, row.values[i]) && from != nil {
				from[i] = row.origin(i)
			}
		}
	}
	all.replace(&own)
}

// ofFloods replaces what the flood rows name, whether that is lower or not: their author wrote it for this moment.
func (c *capacity) ofFloods(all *values, floods []int64, from *origins) {
	own := nothing()
	for _, id := range floods {
		row := c.floods[id]
		if row == nil {
			continue
		}
		for i, v := range row {
			if v != unset && own.set(i, v) && from != nil {
				from[i] = origin{flood: true, id: id}
			}
		}
	}
	all.replace(&own)
}

func (v *values) replace(with *values) {
	for i, n := range with {
		if n != unset {
			v[i] = n
		}
	}
}

// security is the demand of the most specific row for exactly this domain.
func (c *capacity) security(source netip.Addr, domain string) Security {
	source = source.Unmap()
	for _, p := range [...]pair{{source, domain}, {domain: domain}} {
		if row := c.rows[p]; row != nil && row.values[secure] != unset {
			return Security(row.values[secure])
		}
	}
	if own := c.bases[source]; own != nil {
		return Security(own.values[secure])
	}
	return Security(c.base.values[secure])
}
