"""The words of opt-outs in English, Spanish and French: as a whole text, as a sentence, and where they mean no such thing."""

# ruff: noqa: E501  # one pattern a line: they are tables

import re

# --- alone: the words that the rule names, those Twilio listens to, their usual misspellings, and the same in es and fr
_UNIT = (
    r"stop ?(?:all|it)?|stopp|sotp|quit|end|revoke|opt(?:ing)? ?out|opt me out|cancel|cancell|uns[ub]{1,3}s?cribe(?: me)?|unsub"
    r"|terminate|halt|discontinue|cease(?: and desist)?|desist|nomas|fin"
    r"|(?:turn|shut|switch) (?:(?:all )?(?:of )?(?:this|these|those|them|it) off|off (?:all )?(?:of )?(?:this|these|those|them))"
    r"|no more|enough|remove(?: me)?|leave (?:me|us) alone|go away|get lost|piss off|f\w* off|shut up|lose my number"
    r"|alto|parar?|paren|pare|dete(?:ner|nga|ngan|nganse)|cancelar|cancele|baja|de baja|basta|no mas|nunca mas|eliminar(?:me)?"
    r"|terminar|terminen|cesar|cesen|suspender|suspendan|detenganlos?|(?:apag|desactiv|quit)(?:uen|ue|en|e|ar)(?:los|esto|lo| esto| estos| eso)"
    r"|borrar(?:me)?|desuscribir(?:me|se)?|desinscribir(?:me)?"
    r"|arret|arrete[rz]?|stopper|stoppez|(?:me |se )?des(?:abonner|inscrire)|desabonne(?:ment|z)(?: moi)?|desinscription"
    r"|cesser|cessez|terminez|terminer|interrompez|(?:desactiv|coup|supprim)(?:ez|er) (?:ca|cela|les|tout)|desabonne moi"
    r"|annuler|assez|ca suffit|resilier"
)
_BEFORE = (
    r"please|pls|plz|plse|kindly|just|ok|okay|hi|hello|hey|sorry|yes|thanks|thank you|can you|could you|will you|would you"
    r"|you (?:guys )?(?:need|have|must) to|i (?:want|wish|need|would like)(?: you)?(?: to)?|id like(?: you)?(?: to)?|i said|i say"
    r"|how (?:do|can) i|how to|make it|make this|make them|ya|por favor|porfavor|porfa|favor de|quiero|hola|he dicho"
    r"|svp|stp|s il vous plait|s il te plait|bonjour|je veux|je voudrais|je souhaite|j ai dit|text|txt|type|reply|word"
)
_AFTER = (
    r"please|pls|plz|plse|now|right now|already|immediately|at once|asap|today|it|this|that|them|these|all|everything|thanks|thank you"
    r"|thx|ty|ok|okay|me|guys|man|dude|bro|damn ?it|for good|forever|for ever|por favor|porfavor|porfa|gracias|ya|ahora"
    r"|inmediatamente|ahora mismo|todo|esto|eso|svp|stp|s il vous plait|s il te plait|merci|maintenant|immediatement"
    r"|tout de suite|tout|ca|cela|moi|\d+"
)
BARE = re.compile(rf"(?:(?:{_BEFORE}) )*(?:{_UNIT})(?: (?:{_UNIT}|{_AFTER}))*")
FIRST_WORDS = re.compile(
    r"^(?:(?:please|pls|plz|kindly|hi|hello|hey|ok|por favor|hola|bonjour|svp|stp) )*(?:uns[ub]{1,3}s?cribe"
    r"|desuscribir(?:me|nos|se)?|des(?:u|in)scrib[ae]n?(?:me|nos)|desinscribir(?:me|nos|se)?|desabonne[rz]|desabonnement|desabonne moi"
    r"|desinscrivez|desinscription)\b"
)
STRONG = re.compile(
    rf"(?:(?:{_BEFORE}|no|nope|nah|non) )*(?:stop ?all|stop|uns[ub]{{1,3}}s?cribe(?: me)?|opt ?out|leave (?:me|us) alone|no more"
    rf"|arrete[rz]|desabonnez moi|no mas|basta|alto)(?: (?:stop|{_AFTER}))*"
)

# --- what we send, and what can be out
_SENT = (
    r"texts?|texting|txts?|txting|text messages?|messages?|messaging|msgs?|sms|mms|alerts|alerting|notifications?|notifs?"
    r"|notifying|notices|updates|e ?mails|e ?mailing|spam|spamming|contacting|communications?|calls|calling|reminders"
    r"|bothering|bugging|harassing|pestering|disturbing|annoying me|annoying us|blowing up my phone|writing (?:to )?(?:me|us)"
    r"|mensajes?|mensajitos|textos?|avisos?|alertas?|notificaciones|correos|llamadas|alertes?|textos?|courriels?|mails?|avis"
)
_OF_IT = (
    r"the|these|those|this|that|all|any|my|your|of|me|us|sending|getting|receiving|with|from|future|further|more|it|stupid"
    r"|annoying|damn|f\w*ing|freaking|constant|useless|daily|automatic|automated|auto|text|being|to|outage|power|internet|water"
    r"|service|electric|status|so|many|out|please"
)
# --- what we send without its name, as the whole text: "I do not want these"
_THEM = r"(?:this|these|those|them|it|that|any)"
UNWANTED = re.compile(
    rf"(?:(?:{_BEFORE}|i|we|really|no) )*(?:"
    rf"(?:dont|do not|didnt|did not|no longer|never)(?: (?:really|even|ever))* (?:want|wanted|need|needed|like|ask(?:ed)? for|care for)"
    rf" (?:any (?:more )?(?:of )?)?{_THEM}|(?:dont|do not) want|no more of {_THEM}"
    r"|no (?:los|las|lo) (?:quiero|queremos|deseo|deseamos|necesito|necesitamos)"
    r"|no (?:quiero|queremos|deseo|deseamos|necesito|necesitamos)(?: (?:mas|nada|ninguno|de|esto|estos|estas|eso|esos|esas))*"
    rf"|no me interesan?(?: (?:esto|eso|(?:estos|esos|sus|los) (?:{_SENT})))?"
    r"|(?:(?:je|j|nous|on|ne|n) )*(?:(?:en|les) )?(?:veux|voulons|veut|souhaite) (?:pas|plus)(?: (?:de|ca|cela|ceci|tout|rien))*"
    r"|pas interessee?s?|ca ne m interesse (?:pas|plus)"
    rf")(?: (?:{_AFTER}|any ?more|at all|from you|mas|nada))*"
)

# --- and as all that a text says, when it asks nothing: "no texts please", "I never signed up for this"
_PLEASE = (
    r"(?:please|pls|plz|thanks|thank you|por favor|porfavor|porfa|gracias|svp|stp|s il vous plait|s il te plait|merci)"
)
NONE_OF_IT = re.compile(
    rf"(?:(?:{_BEFORE}|no|non) )*(?:"
    r"(?:no|not any|zero) (?:more )?(?:text(?:s|ing| messages?)?|txts?|messages?|messaging|msgs?|sms|spam(?:ming)?|alerts|notifications?|calls)(?: (?:or|and|no) (?:texts?|calls?|e ?mails?|messages?))*"
    rf"|no (?:more )?(?:updates|e ?mails|reminders|notices)(?= {_PLEASE})"
    r"|(?:ningun|nada de|no|sin)(?: mas)? (?:mensajes?|mensajitos|textos?|sms|notificaciones|alertas|llamadas)"
    r"|(?:pas|aucune?)(?: (?:de|d))? (?:sms|textos?|messages?|alertes?|notifications?|appels)"
    r"|(?:(?:i|we) )?(?:never|didnt|did not) (?:sign(?:ed)? up|subscribed?|register(?:ed)?|ask(?:ed)?)(?: (?:for|to))? (?:this|these|any of this|it)"
    r"|(?:(?:this|it) is |this s |its |thats )?spam|report(?:ed|ing)(?: (?:this|you|as|for))* spam|(?:you are |youre )blocked"
    r"|(?:this|it) (?:isnt|is not|isn t) \w+(?: \w+)? (?:number|phone)|(?:nunca|jamas) me (?:suscribi|registre|inscribi)(?: a esto)?"
    r"|je ne me suis (?:jamais|pas) (?:inscrite?|abonnee?)(?: (?:a ca|a cela))?"
    rf")(?: (?:{_AFTER}|any ?more|at all|ever|again|here|to (?:me|us|this (?:number|phone))|from you|mas|plus))*"
)

# --- what is said of it
_ENDING = (
    r"stop|quit|cease|cease and desist|desist|halt|end|cancel|discontinue|terminate|disable|turn off|shut off|switch off|no more|enough|unsubscribe"
    r"|delete|block|opt(?: me)? out|remove(?: me)?"
)
_ME = r"(?:me|us|this number|this phone|my (?:phone|cell|number)|here)"
_NOT_SENT = r"(?! (?:a |any |more |my |the |another )?(?:bills?|invoices?|crews?|technicians?|tech|trucks?|people|someone|anyone))"
_UNLESS = (
    r"(?! (?:back )?(?:that|saying|unless|if|until|till|when|while|at night|at \d|at this|after|before|between|so (?:early|late|often|much)"
    r"|this (?:early|late)|that (?:early|late)|during|in the (?:middle|night|morning)|every|on (?:sun|mon|week)|its|it is))"
)
_ENGLISH = (
    rf"\b(?:{_ENDING})(?: (?:{_OF_IT})){{0,5}} (?:{_SENT})\b",
    rf"\b(?:turn|shut|switch)(?: (?:{_OF_IT})){{0,5}} (?:{_SENT}) off\b",
    r"\bcease and desist$",
    rf"\b(?:stop|quit) sending (?:me|us|these|this|them|it|things|stuff|to)\b{_NOT_SENT}",
    (
        rf"\b(?:dont|do not|never|no longer|not)(?: (?:ever|you|need to|have to|please|dare))* (?:text|txt|message|msg|contact|call|write|notify"
        rf"|alert|e ?mail|bother|disturb|bug|ping|spam|sms)(?: to)? (?:{_ME}|again|any ?more)\b{_UNLESS}"
    ),
    r"\b(?:dont|do not) (?:text|contact|message|call|disturb)$",
    rf"\b(?:dont|do not|never)(?: ever| you)? send (?:me |us )?(?:any |more |any more |these |those |this |your |another |anything)*(?:{_SENT}|anything|$)\b",
    (
        rf"\b(?:dont|do not|no longer|never|didnt|did not)(?: (?:really|even|ever|ask to|currently))? (?:want|wish|wanna|need|care for|care about|like|consent|agree"
        rf"|ask(?:ed)? for|sign(?:ed)? up|subscribed?)(?: (?:{_OF_IT}|receive|get|be|have|for|anymore))* (?:{_SENT}|contacted|texted|messaged|bothered|notified)\b"
    ),
    r"\b(?:dont|do not|no longer) (?:want|wish|care) to (?:receive|get|hear)(?: (?:this|these|from you|anything|any of (?:this|these)))*(?: any ?more)?$",
    r"\b(?:i|we) (?:no longer|dont|do not) consent\b",
    r"\b(?:revoke|withdraw|rescind)(?: (?:my|all|any|the|prior))* (?:consent|permission|authori[sz]ation)\b",
    r"\buns[ub]{1,3}s?cribe(?: (?:me|us|my number|this number|my phone))?(?:$| (?:please|pls|now|thanks|thank you|asap|immediately))",
    r"\buns[ub]{1,3}s?cribe(?: (?:me|us))? from (?:this|these|your|the|all)(?: (?:list|alerts?|everything|service))?$",
    r"\bopt(?:ing)?(?: (?:me|us))? out(?:$| (?:please|pls|now|thanks|thank you)| (?:of|from) (?:this|these|all|everything|your list|the list)\b)",
    (
        r"\b(?:take|get|remove) (?:me|us|my (?:phone |cell |mobile )?number|my name|this (?:phone |cell )?number) (?:off|from|out of)"
        r"(?: of)?(?:$| (?:please|now|this|that|it|here|(?:your|the|this|that|every|all)(?: \w+){0,2} (?:lists?|system|database)))"
    ),
    r"\b(?:remove|delete|erase|forget|lose|drop) (?:my|this) (?:phone |cell |mobile |contact )?(?:number|contact|info)\b",
    r"^(?:please )?remove (?:me|us)(?: (?:please|now|from .{0,20}list.*))?$",
    r"\bleave (?:me|us) (?:the \w+ )?alone\b",
    (
        r"^(?:sorry )?(?:you (?:have|got|texted) (?:the |a )?|this is (?:the |a )?|its (?:the |a )?|thats (?:the |a )?|u got the )?wrong (?:number|person)"
        r"(?: (?:please|sorry|stop.*|dude|buddy|here))?$"
    ),
    r"^not interested(?: (?:thanks|thank you|please))?$",
)
_SEND_ES = r"(?:(?:mand|envi|escrib|molest|textea?|llam|contact|fastidi|jod|ching|notific|avis)(?:ar|ir|er)(?:me|nos|le|les)?|me (?:mandar|enviar|escribir|llamar|molestar))"
_FILL_ES = r"(?:de|los|las|el|la|sus|estos|estas|esos|esas|ya|tantos|mas|con|por favor|todos|todas|me|a|recibir)"
_UNLESS_ES = r"(?! (?:\w+ )?(?:cuando|si|de noche|a estas horas|a esta hora|tan tarde|tan temprano|despues|antes|en la noche|hasta|que))"
_SPANISH = (
    rf"\b(?:dej(?:e|en|es|a|ar)|par(?:e|en|ar|a)|cesen?|terminen?)(?: (?:ya|por favor))? (?:ya )?de(?: por favor)? (?:{_SEND_ES}|estar molestando)\b{_NOT_SENT}",
    rf"\b(?:quiero|queremos|quisiera|deseo|me gustaria) dejar de recibir(?: {_FILL_ES})*(?: (?:{_SENT})|$)",
    rf"\b(?:par(?:e|en|ar)|basta|detengan?|suspendan?|cancelen?|cancelar|desactiv(?:e|en|ar)|no mas|ni|quit(?:e|en|ar))(?: {_FILL_ES}){{0,4}} (?:{_SENT})\b",
    rf"\bno (?:me |nos )(?:vuelvan? a )?(?:manden?|mandes|envien?|envies|escriban?|escribas|molesten?|molestes|llamen?|llames|contacten?|texteen?|notifiquen?|mandar|escribir|enviar|llamar|contactar|molestar)\b{_UNLESS_ES}{_NOT_SENT}",
    rf"\bno (?:manden?|envien?)(?: (?:me|mas))*(?: {_FILL_ES})* (?:{_SENT})\b",
    r"\bno (?:molest(?:e|en|es|ar)|jod(?:a|an|as))(?: mas)?$",
    rf"\bno (?:quiero|queremos|quisiera|deseo|deseamos|necesito|necesitamos|autorizo|acepto)(?: (?:{_FILL_ES}|seguir|recibiendo|que|ningun|ninguna))* (?:{_SENT}|contactado|contactada|me (?:manden|escriban|envien|llamen|molesten|contacten)|recibir(?: mas| nada| esto)*$|saber nada de ustedes)(?:\b|$)",
    r"\b(?:dar|den|de|da|darme|denme|deme|dame|darnos|quiero) ?(?:me|nos)? de baja(?:$| (?:por favor|ya|gracias|(?:de|del|a) (?:\w+ ){0,3}(?:lista|mensajes|avisos|alertas|sms|notificaciones)))",
    r"\bdej[ea]n?(?:me|nos) (?:\w+ )?(?:en paz|tranquil\w+)\b",
    r"\b(?:quit|borr|elimin|sac|sa)(?:e|en|que|quen|a)(?:me|nos)(?: .{0,20}lista.*|$| (?:por favor|ya|de aqui|de esto))",
    r"\b(?:quit|borr|elimin)(?:e|en|ar) (?:mi|este|el) (?:numero|telefono|celular|contacto)\b",
    r"\b(?:numero equivocado|se equivoc\w+ de (?:numero|persona)|equivocad\w+ de numero)\b",
    r"\b(?:revoco|retiro)(?: mi)? (?:consentimiento|autorizacion|permiso)\b",
)
_SEND_FR = r"(?:ecrire|envoyer|appeler|embeter|harceler|importuner|contacter|deranger|spammer|emmerder|texter|saouler|notifier|prevenir)"
_FILL_FR = r"(?:de|d|des|les|ces|vos|tous|toutes|tes|cet|cette|ce|m|me|nous|envoyer|recevoir|avec|svp|s il vous plait|aucun|aucune|un|seul)"
_FRENCH = (
    rf"\b(?:arrete[rz]?|cesse[rz]?|stoppe[rz]?|finissez|stop)(?: (?:svp|s il vous plait))? (?:de |d )?(?:(?:m|me|nous) )?{_SEND_FR}\b{_NOT_SENT}",
    rf"\b(?:arrete[rz]?|cesse[rz]?|stoppe[rz]?|stop|desactive[rz]|annule[rz]|supprime[rz]|bloque[rz])(?: {_FILL_FR}){{0,4}} (?:{_SENT})\b",
    rf"^(?:(?:svp|stop|s il vous plait|bonjour|et|je veux|non) )*plus(?: jamais)? (?:de |d |aucun )(?:ces |vos )?(?:{_SENT})(?: (?:(?:sur|pour|concernant) (?:cette|ce|cet) \w+|svp|merci|s il vous plait))*$",
    r"\bne (?:m|me|nous) (?:ecri\w+|envo\w+|contact\w+|appel\w+|derang\w+|text\w+|embet\w+|importun\w+) (?:plus|pas|jamais)(?! (?:la nuit|apres|avant|quand|si|aussi|si tard))\b",
    rf"\bne plus (?:me |m |nous )(?:{_SEND_FR})\b",
    rf"\b(?:ne |n )?(?:veux|voudrais|souhaite|desire|voulons|souhaitons|veut|ai) (?:plus|pas)(?: {_FILL_FR})* (?:(?:{_SENT})|etre contacte\w*|que vous (?:m|me|nous) \w+|recevoir(?: rien)?$)",
    rf"\bne (?:plus|pas)(?: {_FILL_FR})* (?:recevoir)(?: {_FILL_FR})*(?: (?:{_SENT})|$)",
    r"\bdes(?:abonne[rz]?|inscri\w+)(?: (?:moi|nous|svp|de (?:cette |la |votre )?liste|de (?:ces |vos |tous )?(?:sms|messages|alertes)))*$",
    r"\b(?:laisse[rz]?|fou\w+|fiche[rz]?) (?:moi|nous) (?:\w+ )?(?:tranquilles?|en paix|la paix|paix)\b",
    r"\b(?:retire[rz]?|enleve[rz]?|supprime[rz]?|efface[rz]?|ote[rz]|raye[rz]?) (?:moi|nous|mon (?:numero|nom|contact|telephone)|ce numero)\b",
    r"\b(?:mauvais numero|faux numero|erreur de numero|trompez de numero|trompe de numero)\b",
    r"\b(?:retire|revoque)(?: mon)? consentement\b",
)
PATTERNS = [re.compile(pattern) for pattern in (*_ENGLISH, *_SPANISH, *_FRENCH)]

# --- the same words where they do not ask for it
_WISHES = r"(?: (?:i|you|we|they|want|wanna|like|need|wish|ever|me|us|to|please|ask|asked|tell|told|say|said|mean|just|quiero|queremos|que|veux|je|vous|pas))*"
NOT_THAT = re.compile(
    rf"(?:\b(?:dont|do not|never|not|didnt|did|shouldnt|should not|wouldnt|without|no need|why (?:have|are)|who|no|sin|n|ne|avez|ai|as|ont|avait|aviez){_WISHES})$"
)
WANTS_SERVICE = re.compile(
    r"\b(?:i|we|just)? ?(?:want|need|quiero|queremos|necesito|necesitamos|veux|voulons)(?: (?:to have|only|just|solo|my|the|our|mi|la|el|le|du|de l|mon|some))*"
    r" (?:power|electricity|lights?|internet|wifi|water|gas|heat|service|luz|agua|electricidad|servicio|courant|eau|electricite)\b"
)
ONE_INCIDENT = re.compile(
    r"\b(?:about|for|on|regarding|during|de|sobre|por|sur|pour|concernant) (?:this|the current|todays|esta|este|cette|cet|ce)"
    r" (?:one|outage|incident|problem|issue|interruption|event|averia|corte|incidencia|apagon|falla|panne|coupure|incident)\b"
)
