package accounting

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// kinds are the scripts of the sink, each as often as it stands here.
var kinds = strings.Fields(strings.Repeat("ok ", 40) + "slow slow slow temp temp tempdot perm permdot drop dropdata")

// message is number n of a run: the recipient, which is its id, and the source.
func message(kind string, n int) (id, source string) {
	id = fmt.Sprintf("%s.%06d@d%d.test", kind, n, n%domains+1)
	text := fmt.Sprintf("number %06d\r\n.a line that begins with a dot\r\n%s\r\n", n, strings.Repeat("x", n%900))
	body := strings.Repeat(text, n%7+1)
	source = fmt.Sprintf("From: <source@source.test>\r\nTo: <%s>\r\nMessage-ID: <%06d@source.test>\r\nSubject: accounting\r\n\r\n%s", id, n, body)
	return id, source
}

// domains are d1.test and so on, each on a loopback address of its own.
const domains = 4

// encode is the JSON of the outbox.
func encode(id, source string) []byte {
	b, err := json.Marshal(map[string]any{
		"envelope": "source@source.test", "recipient": id, "mime": source,
		"retries": []int{1}, "number": id,
	})
	if err != nil {
		panic(err) // of texts and numbers: cannot be
	}
	return b
}

// hashOf is the hash of what stands below the headers.
func hashOf(source string) string {
	_, body, _ := strings.Cut(source, "\r\n\r\n")
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:8])
}

// outcomeOf reads a message of a result queue.
func outcomeOf(queue, messageID string, body []byte) (id string, o outcome, err error) {
	var m struct {
		Recipient string `json:"recipient"`
		Results   []struct {
			State  string `json:"state"`
			Result string `json:"result"`
		} `json:"results"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return "", o, err
	}
	if len(m.Results) == 0 {
		return "", o, fmt.Errorf("no results in %s", body)
	}
	last := m.Results[len(m.Results)-1]
	return m.Recipient, outcome{queue, messageID, last.State, last.Result}, nil
}
