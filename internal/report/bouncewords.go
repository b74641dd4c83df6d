package report

import (
	"regexp"
	"strings"
)

// bouncing is how servers that keep no standard name their bounces, in the languages that they are seen in. It is asked only about
// mail with an empty envelope that a daemon has sent, so words that people use too do no harm.
var bouncing = anyOf(
	// English
	`undeliver`, `non-?deliver`, `fail(?:ed|ure) notice`, `returned (?:e-?)?mail`, `(?:mail|message) returned`, `returning (?:message )?to sender`,
	`returning message`, `^report to sender`, `message status - `, `^ndn:`, `^rejected:`, `rejected mail`, `^mail fail(?:ed|ure)`,
	`deliver(?:y|ies) (?:has )?(?:fail|status|notif|report|problem|error|delay|unsuccessful|incomplete)`,
	`fail(?:ed|ure) (?:mail )?delivery`, `mail (?:delivery|system) (?:fail|problem|error|status|warning|delay)`,
	`(?:could|can|has|was|were) ?not (?:yet )?be(?:en)? (?:delivered|sent)`, `(?:could|can) ?not (?:send|deliver)`, `unable to deliver`, `not delivered`,
	`delayed (?:mail|message)`, `(?:mail|message|delivery) (?:you sent )?(?:was |is |has been )?(?:delayed|rejected|blocked|refused)`,
	`^warning: message`, `user unknown`, `unknown (?:user|recipient)`, `error sending (?:mail|message)`, `message (?:is )?too (?:large|big)`,
	// German, Dutch
	`unzustellbar`, `nicht (?:\S+ )?(?:zugestellt|zustellbar)`, `zustellung (?:ist )?(?:fehlgeschlagen|nicht|verzögert)`,
	`(?:fehlgeschlagene|verzögerte) zustellung`, `zustell(?:ungs)?fehler`,
	`onbestelbaar`, `niet (?:worden )?(?:bezorgd|afgeleverd)`, `niet te bezorgen`, `bezorging (?:is )?(?:mislukt|vertraagd)`,
	// Danish, Norwegian, Swedish, Finnish
	`olevererbart`, `ikke leveres`, `ikke leveret`, `(?:inte|ej) (?:att )?lever`, `leveringsfeil`, `leverans(?:en)? misslyckades`, `ei voi(?:da|tu)? toimittaa`,
	// French
	`non[ -](?:remis|distribu|délivr)`, `échec (?:de |d'|lors de )(?:la )?(?:remise|distribution|livraison|envoi|l'envoi)`,
	`pas (?:pu être|été) (?:remis|distribu|délivr|livr)`, `retour à l'expéditeur`, `remise (?:retardée|différée)`,
	// Spanish, Portuguese
	`no se (?:puede|pudo|ha podido) entregar`, `no (?:ha sido )?entregado`, `(?:error|fallo|falla|fallida|retraso) (?:de|en) (?:la )?entrega`, `entrega fallida`,
	`(?:correo|mensaje) devuelto`, `não entregue`, `(?:falha|erro|atraso) (?:na|de) entrega`, `(?:não foi|não é) possível entregar`,
	`(?:mensagem|e-?mail) devolvid`, `não pôde ser entregue`,
	// Italian
	`recapito fallito`, `mancat[ao] (?:recapito|consegna)`, `impossibile (?:recapitare|consegnare)`, `consegna (?:fallita|ritardata)`, `non recapitabile`,
	// Polish, Czech, Hungarian, Turkish
	`niedostarczon`, `nie (?:można|udało się) dostarczyć`, `nedoručiteln`, `nedoručen`, `kézbesíthetetlen`, `sikertelen kézbesítés`, `teslim edileme`, `[iİ]letilemedi`,
	// Russian, Ukrainian
	`недоставлен`, `не (?:было )?(?:может быть )?доставлен`, `не уда(?:лось|ется|ётся) доставить`, `невозможно доставить`, `ошибка (?:при )?доставк`,
	`задержка доставки`, `не вдалося доставити`,
	// Japanese, Chinese, Korean
	`配信(?:不能|不可|エラー|失敗|遅延|できません)`, `(?:送信|メール)エラー`, `エラーメール`, `宛先不明`, `不達`, `届けできません`,
	`退信`, `退件`, `(?:投递|投遞|发送|發送|递送|傳遞|传递)(?:失败|失敗|延迟|延遲)`, `(?:无法|無法|未能?)(?:投递|投遞|送达|送達|传送|傳送|发送|發送|传递|傳遞)`, `被退回`,
	`반송`, `배달되지 않음`, `(?:전송|배달|발송|전달) ?(?:실패|지연|불가)`,
)

// later is how they tell that they go on trying.
var later = anyOf(`delay`, `still (?:trying|being)`, `will (?:be retried|retry|keep trying|continue|try again)`, `not yet been delivered`,
	`warning message only`, `do not need to resend`, `verzögert`, `vertraagd`, `remise (?:retardée|différée)`, `retraso en la entrega`,
	`atraso na entrega`, `consegna ritardata`, `задержка доставки`, `配信遅延`, `(?:投递|投遞|传递|傳遞)(?:延迟|延遲)`, `배달 지연`)

// away is how automatic replies begin their subject.
var away = regexp.MustCompile(`(?i)^\s*(?:re:\s*)?\[?(?:` + strings.Join([]string{
	`out[- ]of[- ](?:the[- ])?office`, `auto(?:matic|mated)?[- ]?(?:reply|response|antwort)`, `auto:`, `vacation`, `on (?:vacation|holiday|leave)`,
	`away from`, `i am (?:away|out)`, `i'm (?:away|out)`, `(?:we (?:have )?received|thank you for) your`, `(?:ticket|case|request) ?#`,
	`abwesen`, `ich bin (?:im urlaub|abwesend|nicht)`, `automatisch(?:e|es)? (?:antwort|antwoord)`, `afwezig`,
	`automatisk[at]? sv[ae]r`, `autosva?r`, `automaattinen`, `poissa`,
	`réponse automatique`, `(?:message d'|avis d')?absence`, `respuesta automática`, `fuera de la oficina`, `resposta automática`, `fora do escritório`,
	`ausência`, `risposta automatica`, `fuori (?:sede|ufficio)`,
	`automatyczna odpowiedź`, `automatická odpově[dď]`, `automatikus válasz`, `otomatik yanıt`, `αυτόματη απάντηση`,
	`автоматический ответ`, `автоответ`, `автоматична відповідь`,
	`自動(?:応答|返信|回覆|答覆|回复|答复)`, `自动(?:答复|回复|答覆|回覆)`, `不在`, `자동 ?(?:회신|응답)`, `부재`,
}, "|") + `)`)

// anyOf is a pattern that one of the alternatives fits, whatever its case.
func anyOf(alternatives ...string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)` + strings.Join(alternatives, "|"))
}
