package compose

import "posthoorn/internal/template"

// Text renders one string that is not part of a message yet, such as the URL of something to download.
func (p *Personalization) Text(source string) (string, error) {
	r := renderer{Personalization: *p, vars: p.vars()}
	t, err := r.compile(source)
	if err != nil {
		return "", err
	}
	out, err := t.Append(nil, &template.Env{Vars: r.vars[:], Now: p.Now, MaxOutput: maxFieldOutput, Work: p.Work})
	return string(out), err
}

// vars are the data, and behind them the variables that are always there.
func (p *Personalization) vars() [2]template.Value {
	return [2]template.Value{template.JSON(p.Data), template.Object([]template.Member{
		{Name: "envelope", Value: template.String(p.Envelope)},
		{Name: "recipient", Value: template.String(p.Recipient)},
	})}
}
