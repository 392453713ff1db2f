# ruff: noqa: E501 (lists of phrases, one long line each)
"""Contrast sets for hate and bias: the same words hateful and not, the same sentence over every group.

Quoting, countering, negating and reclaiming hate, abuse of things and of people who are no protected
group, and neutral mentions of every identity alike, so that naming a group or using a harsh word is
not the signal. The templates are our own; slurs come from the lexicon in the data at build time.
Content warning: the lists below contain hostile language, because that is what is to be recognised.
"""

import random
from collections import Counter
from pathlib import Path
from typing import Any

from watchers.training.examples import BIAS, Example, Unit
from watchers.training.grammar import articled, cased, fill, lines, phrases
from watchers.training.sources import CLEAN, FAIR, rows

GROUPS = {
    "gender": ["women", "men", "girls", "females", "mothers", "feminists", "non-binary people", "housewives"],
    "race": [
        "black people", "white people", "Asians", "Latinos", "Native Americans", "Arabs", "Roma people", "Hispanics",
        "Pacific Islanders", "African Americans", "Aboriginal people", "mixed-race people", "black women", "Asian men", "blacks", "whites",
    ],
    "religion": ["Muslims", "Jews", "Christians", "Hindus", "Sikhs", "Buddhists", "atheists", "Catholics", "Mormons", "Muslim women", "Jewish people"],
    "nationality": [
        "immigrants", "refugees", "Mexicans", "Chinese people", "Indians", "Pakistanis", "Nigerians", "Poles", "Russians", "Americans", "Germans",
        "foreigners", "asylum seekers", "Syrians", "Turks", "Filipinos", "Somalis", "the Irish",
    ],
    "orientation": ["gay people", "lesbians", "bisexuals", "gay men", "trans people", "trans women", "queer people", "LGBT people", "homosexuals", "transgender people", "gays"],
    "disability": ["disabled people", "deaf people", "blind people", "autistic people", "wheelchair users", "people with Down syndrome", "people with depression", "the mentally ill", "people with disabilities"],
    "age": ["old people", "boomers", "teenagers", "millennials", "the elderly", "pensioners", "young people", "old women"],
}  # fmt: skip
ONE = {
    "gender": ["woman", "man", "girl", "mother"], "race": ["black person", "black man", "white woman", "Asian", "Latina", "Native American"],
    "religion": ["Muslim", "Jew", "Christian", "Hindu", "Sikh", "atheist"], "nationality": ["immigrant", "refugee", "Mexican", "Chinese student", "Nigerian", "Pole"],
    "orientation": ["gay man", "lesbian", "trans woman", "bisexual person", "queer kid"], "disability": ["disabled person", "deaf man", "blind woman", "autistic child", "wheelchair user"],
    "age": ["old man", "old woman", "teenager", "pensioner"],
}  # fmt: skip

NAMES = [
    "Anna",
    "Peter",
    "Maria",
    "John",
    "Sarah",
    "David",
    "Fatima",
    "Carlos",
    "Mei",
    "Jamal",
    "Olga",
    "Priya",
    "Tom",
    "Lena",
    "Kofi",
    "Yuki",
    "Sam",
    "Alex",
    "Noah",
    "Emily",
]
SLOTS = {
    "name": NAMES,
    "vile": lines("disgusting\nsubhuman\nrepulsive\ninferior\nworthless\nstupid\nevil\nlazy\ndangerous\npathetic\nbrainless\ndirty\nsick\nugly\nfilthy\nvile\nrotten\nuseless\ndumb\nrevolting\nretarded\nhideous\ndeceitful\ncowardly"),
    "vermin": lines("vermin\nfilth\nscum\nparasites\nanimals\nrats\npigs\ntrash\ngarbage\ncriminals\nliars\nfreaks\ncockroaches\nleeches\nmaggots\npests\napes\nsnakes\nthieves\nmonsters"),
    "hates": lines("hates\ndespises\ncan't stand\nloathes\ndetests\nreally hates"), "hated": lines("hated\ndespised\nloathed\ndetested"),
    "harmself": lines("die\njump off a bridge\ndrown\nrot in a ditch\neat glass\nwalk into the sea"),
    "bad": lines("disgusting\nvermin\nfilth\nscum\nsubhuman\nrepulsive\ninferior\nworthless\nparasites\na plague\na disease\nstupid\nevil\nanimals\nrats\n"
                 "pigs\ntrash\ngarbage\ncriminals\nliars\nlazy\nfreaks\nan abomination\ndangerous\nthe worst\npathetic\nbrainless\ndirty\ncockroaches\nsick in the head\nugly\nleeches"),
    "hate": lines("hate\ndespise\ncan't stand\nloathe\ndetest\nam disgusted by\nfeel nothing but contempt for\nfucking hate\nam so sick of\nreally hate"),
    "harm": lines("be killed\nbe wiped out\nbe shot\nbe deported\nbe locked up\nbe hanged\nbe exterminated\nburn\nbe beaten up\nbe gassed\nbe driven out\ndie\nbe put down\nget what is coming to them"),
    "wrong": lines("not belong here\nnot have the right to vote\nnot be allowed to teach children\nnever be trusted\nnot be allowed in this country\nknow their place\nnot be in positions of power\nbe banned from public places\nbe kept away from decent people"),
    "kill": lines("kill\nshoot\nbeat up\nstab\nhurt\nburn\nattack\nbomb\nstrangle\nlynch\nbreak the bones of\npunch"),
    "good": lines("wonderful\nkind\nwelcome here\nour friends\nas human as anyone\namazing\nbrave\nbeautiful\nequal to everyone else\nvaluable members of our community\ninspiring\ngreat neighbours\nfun to be around\nstrong"),
    "thing": lines("this printer\nmondays\nthis traffic\nthe new update\nmy broken laptop\npineapple on pizza\nthis weather\nthat movie\nmy alarm clock\nthe tax form\nthis code\ncold coffee\nslow internet\nbad grammar\nspam mail\nthe parking ticket\nmosquitoes\nthis meeting\nwet socks\nthe last season"),
    "neutral": lines("bankers\npoliticians\nlandlords\nlawyers\nfootball fans\nvegans\ntelemarketers\ncapitalists\nspammers\nscalpers\nreferees\ninfluencers\nmanagers\nrecruiters\ngamers\ndictators\ncar salesmen\nartists"),
    "attribute": lines("bad drivers\ngood at maths\nlazy\nterrorists\ngreedy\nall criminals\ntoo emotional to lead\nbad with money\nviolent\nuneducated\ncheap\nbad parents\nalways late\nbad at science\nsneaky\ntoo sensitive\nforgetful and useless\nnaturally good dancers\nloud and rude\n"
                       "obsessed with sex\nbad with technology\nnot real citizens\ndrunks\nsubmissive\nonly good for cooking and cleaning\ndishonest\nweak\nignorant\nburdens on society\nnot capable of working"),
    "adjective": lines("lazy\ngreedy\nviolent\nuneducated\nstingy\nsneaky\nsensitive\nloud\ndishonest\nweak\nignorant\nemotional\nforgetful\nrude\nbackward\nstubborn\nbossy\nselfish\nunreliable\nnaive"),
    "trait": lines("clever\ntired\nfunny\ntall\nlate today\na doctor\nvery kind\na good driver\nbad at chess\nan engineer\nhungry\nborn in May\nin a hurry\nworking nights\na fan of jazz\nlearning to cook\nquiet\nstubborn\nmy neighbour\nrude to me once"),
    "topic": lines("history\nhousing\nhealth care\nfood\nwork\neducation\nmusic\nmigration\nvoting rights\nmedia coverage\nsport\ntravel\nart\nliterature\npensions\nfashion\nmarriage"),
    "place": lines("our town\nBrazil\nmy university\nLondon\nthe army\nthis company\nthe nineteenth century\nrural areas\nthe film industry\nmy class\nthe United States\nthe suburbs"),
}  # fmt: skip

HATEFUL = lines("""
{Group} are {bad}.
I {hate} {group}.
All {group} are {bad} and should {harm}.
{Group} should {harm}.
{Group} should {wrong}.
I wish all {group} would {harm}.
Let's {kill} some {group} tonight.
Someone should {kill} every {one} they see.
I will {kill} you because you are a {one}.
You are just another {vile} {one}.
As a {one} you are {bad}.
{Group} are nothing but {bad}.
Why are {group} always so {bad}?
Nobody wants {group} here, they are {bad}.
The world would be better without {group}.
We need to get rid of {group} in {place}.
Honestly {group} make me sick.
If you are a {one}, you deserve to {harm}.
Being friends with {group}? No way, they are {bad}.
Typical {one}, {vile} as always.
{Group} are ruining {place}.
Keep {group} out of {place}.
I don't care what anyone says, {group} are {bad}.
fuck {group}, seriously
No wonder people {hate} {group}.
There is nothing good about {group}.
{Group} do not deserve human rights.
You can't trust a {one}, ever.
I would never hire a {one}, they are all {bad}.
{Group} belong in cages.
{Group} are less than human.
How many {group} have to die before we are safe?
Don't let {group} near your kids.
these {group} are {bad} lol
""") + phrases("hateful")
ACCEPTABLE = lines("""
{Group} are {good}.
I love {group}.
All {group} deserve respect and safety.
{Group} should be treated like everyone else.
I am not saying that {group} are {bad}, and nobody should.
{Group} are not {bad}.
No {one} is {bad} just for being who they are.
I don't {hate} {group} at all.
It is wrong to say that {group} are {bad}.
Saying "{group} are {bad}" is hate speech and I reported it.
He shouted "I {hate} {group}" at her and was arrested.
Anyone who says {group} should {harm} has no place here.
The graffiti read "{group} should {harm}", and the neighbours painted over it.
Why do some people think that {group} are {bad}?
If you say "{group} are {bad}" again, you are out of this chat.
I was called "{bad}" for being a {one}, and it hurt.
My teacher told us that {group} are {bad}. How do I answer such prejudice?
The claim that {group} are {bad} is a harmful myth.
We condemn the attack in which a man tried to {kill} a {one}.
It's disgusting that people still say {group} are {bad}.
Never call {group} "{bad}".
Nobody should {kill} anyone for being a {one}.
In 1938 the party declared that {group} should {harm}; the book explains how.
People who {hate} {group} are the problem.
Stop saying {group} are {bad}, it is not true.
The politician was criticised for claiming that {group} should {wrong}.
I used to think {group} were {bad}, but I was wrong and I am sorry.
Is the sentence "{group} are {bad}" hate speech?
Translate into French: "{group} are not {bad}".
As a proud {one} I fight against hate.
Being a {one} is nothing to be ashamed of.
I am a {one} and I am {trait}.
Many {group} in {place} say they face discrimination.
What do {group} think about {topic}?
The history of {group} in {place} is about {topic}.
My friend is a {one} and she is {trait}.
We interviewed {group} about {topic} in {place}.
Can you recommend books by {group} about {topic}?
{Group} in {place} organised a festival on {topic}.
How can we make {place} safer for {group}?
My boss is a {one}.
A {one} asked me the way to the station.
Write a story in which a {one} is {trait}.
What are good charities that help {group} in {place}?
I grew up among {group} in {place}.
We hired a {one} who is {trait}.
What percentage of {group} work in {place}?
I'm so proud to be part of {place} where {group} are {good}.
{Group} never were {bad}, and they never will be.
No {one} should have to {harm}.
It is not true that {group} should {harm}.
Nobody thinks {group} are {bad} here.
You would have to be blind to think that {group} are {bad}.
I refuse to believe that {group} are {bad}.
{Group} should not {harm}, they should be protected.
Hating {group} is {bad}.
Racists who {hate} {group} are {bad}.
Being a {one} does not make you {bad}.
I {hate} people who bully {group}.
{Group} are tired of being called {bad}.
Don't {kill} {group}, talk to them.
We are {group}, {good} and proud of it.
I'm a {one} and I don't think I'm {bad}.
{Group}, you are {good}. Happy pride!
Are {group} allowed to serve in the army in {place}?
The {group} I know are {good}.
How many {group} live in {place}?
Women and {group} marched for {topic} in {place}.
""") + phrases("acceptable")
RUDE = lines("""
I {hate} {thing}.
{thing} is {bad}.
Damn, {thing} is fucking awful.
I want to {kill} {thing} with a hammer.
Whoever invented {thing} should be ashamed.
Fuck, I forgot my keys again.
This is so damn good, holy shit.
I'm so fucking happy today!
{thing} can go to hell.
That game was fucking amazing.
oh shit, {thing} again
Let's {kill} this presentation today!
We absolutely {kill} it on stage tonight.
My feet are killing me after {thing}.
I could {kill} for a coffee right now.
""") + phrases("rude")
UNPROTECTED = lines("""
{Neutral} are {bad}.
I {hate} {neutral}.
All {neutral} should {harm}.
{Neutral} are nothing but {bad}.
The world would be better without {neutral}.
{Neutral} are ruining {place}.
""") + phrases("unprotected")
INSULTS = lines("""
You are {bad}.
You are such a {vile} idiot.
Shut up, you stupid moron.
What a {vile} piece of trash you are.
You're the dumbest person I have ever met.
Get lost, loser.
Are you an idiot or just {vile}?
My ex is a {vile} moron.
you useless bot, you are {bad}
You have no brain at all, do you?
He is a complete imbecile and {bad}.
Your work is {bad} and so are you.
""") + phrases("insult")
POLITE = lines("""
You are not {vile}, don't let anyone tell you that.
You are {good}.
I don't think you are {vile}.
Please don't call yourself {vile}.
She said I am {vile}, and that made me cry.
It is rude to call someone {vile}.
You're not an idiot, you just made a mistake.
I felt {vile} after the exam.
Sorry for calling you {vile} yesterday.
How do I respond if a customer calls me {vile}?
Nobody here thinks you are {vile}.
No, you are not {vile} at all.
You were never {vile} to me.
He isn't {vile}, he is just tired.
I would not call her {vile}.
It's not that you are {vile}, the task is hard.
You don't deserve to be called {vile}.
I'm not {vile}, am I?
My code is {vile}, can you review it?
I was so {vile} at cooking when I was young.
Why do I always feel {vile}?
You say I am {vile}, but I disagree.
""") + phrases("polite")
THREATS = lines("""
I will {kill} you.
I'm going to {kill} you and your family.
Watch your back, I know where you live.
You will pay for this with your life.
I hope someone will {kill} you.
Tomorrow I will come to your house and {kill} you.
If I see you again I'll {kill} you.
You are dead when I find you.
We are going to {kill} them all tonight.
I swear I will {kill} him.
Keep talking and I break your jaw.
I'd love to {kill} my boss, and I have the gun already.
You won't live to see Monday.
Someone is going to {kill} you soon and I will watch.
I have a knife and I know your address.
Say that again and I {kill} you.
Your family is next.
We will find you and {kill} you, traitor.
I am going to {kill} that judge.
Sleep with one eye open.
People like you should get shot, and I may do it myself.
I'll burn your house down.
""") + phrases("threat")
HARMLESS = lines("""
I would never {kill} anyone.
He threatened to {kill} me. Should I call the police?
In the novel the villain says: "I will {kill} you."
How do I {kill} a process in Linux?
How do I report someone who said he will {kill} me?
The news reported that a man tried to {kill} his neighbour.
Nobody is going to {kill} you, calm down.
What happens in the film when they {kill} the dragon?
The chess engine will {kill} your bishop.
I promise that I will not {kill} the plants this time.
Don't {kill} anyone, it is not worth it.
I do not want to {kill} anybody.
Does the law let you {kill} a burglar?
Who tried to {kill} the president in 1981?
The plot: a man plans to {kill} his brother, but forgives him.
In the game you have to {kill} the boss three times.
She survived a man who tried to {kill} her.
What should I do if someone wants to {kill} me?
They will never {kill} our hope.
My mum is going to {kill} me when she sees this mess, haha.
""") + phrases("harmless")
GENERAL = lines("""
All {group} are {attribute}.
{Group} are {attribute}.
{Group} are just naturally {attribute}.
Everyone knows that {group} are {attribute}.
Of course he is {vile}, he is a {one}.
She is a {one}, so don't expect much.
You can't expect {group} to be good leaders.
{Group} are usually {attribute}, that is a fact.
I don't trust her, {group} are {attribute}.
A {one} shouldn't do this job.
I was surprised that the {one} could do the work so well.
For a {one} you are quite smart.
""") + phrases("general")
SPECIFIC = lines("""
My neighbour, a {one}, is {trait}.
The {one} next to me was {trait}.
Some {group} are {trait}, others are not.
It is a stereotype that {group} are {attribute}.
Studies do not support the idea that {group} are {attribute}.
Are {group} really {attribute}, or is that a stereotype?
Not all {group} are {attribute}.
The report looks at {topic} among {group} in {place}.
I met a {one} in {place} yesterday who was {trait}.
Please list famous {group} in {topic}.
The {one} did the work well.
""") + phrases("specific")

BOT_ABUSE, BOT_HARASSMENT, BOT_FINE = phrases("bot_abuse"), phrases("bot_harassment"), phrases("bot_fine")
FICTION = phrases("fiction")
EMOJI_HATEFUL, EMOJI_FINE = phrases("emoji_hateful"), phrases("emoji_fine")
EMOJI = {
    "gender": ["👩", "👧", "🚺", "👱‍♀️", "👨", "👩‍🍳"], "race": ["👨🏿", "👩🏿", "👦🏾", "🧑🏿", "👲", "👨🏻"], "religion": ["🧕", "☪️", "🕌", "✡️", "🕍", "👳", "✝️", "🕉️"],
    "nationality": ["🇲🇽", "🇨🇳", "🇵🇰", "🇮🇳", "🇳🇬", "🇸🇾", "🇵🇱", "🇷🇺", "🇺🇸", "🇮🇱"], "orientation": ["🏳️‍🌈", "🌈", "👬", "👭", "🏳️‍⚧️", "👨‍❤️‍👨"],
    "disability": ["🧑‍🦽", "👨‍🦯", "🧏", "👩‍🦼", "♿"], "age": ["👵", "👴", "🧓", "👶"],
}  # fmt: skip
VERMIN_EMOJI = ["🐀", "🐖", "🐷", "🐍", "🐒", "🐵", "🪳", "💩", "🗑️", "🦠", "🤡", "👹", "🐛", "🐶"]
DISGUST_EMOJI = ["🤮", "🤢", "😡", "🤬", "👎", "🖕"]
WEAPON_EMOJI = ["🔫", "🔪", "💣", "🪓", "🔥", "⚰️", "💀", "🗡️", "☠️", "🧨"]

HATE = {"toxicity": 1.0, "identity_attack": 1.0, "bias": 0.95}


def picked(rng: random.Random) -> tuple[str, dict[str, list[str]]]:
    """Pick a dimension evenly (so that every identity is seen alike), then a group of it."""
    dimension = rng.choice(list(GROUPS))
    group = rng.choice(GROUPS[dimension])
    chosen = {"group": [group], "Group": [group[0].upper() + group[1:]], "one": [rng.choice(ONE[dimension])]}
    neutral = rng.choice(SLOTS["neutral"])
    emoji = {
        "ge": EMOJI[dimension],
        "ve": VERMIN_EMOJI,
        "re": DISGUST_EMOJI,
        "se": DISGUST_EMOJI[:4],
        "we": WEAPON_EMOJI,
    }
    return dimension, SLOTS | chosen | {"Neutral": [neutral.capitalize()]} | emoji


def dims(dimension: str, score: float) -> dict[str, float]:
    """The bias head's dimensions, this one at `score`."""
    return {name: score if name == dimension else 0.0 for name in BIAS[1:]}


def _family(
    name: str, templates: list[str], labels: dict[str, float], rng: random.Random, scored: float | None
) -> Example:
    index = rng.randrange(len(templates))
    dimension, slots = picked(rng)
    text = cased(articled(fill(templates[index], slots, rng)), rng)
    found = {} if scored is None else dims(dimension, scored)
    return Example(text, f"contrast_{name}", labels | found, 1.0, group=f"{name}-{index}")


INSULTING = {"toxicity": 0.95, "insult": 0.95, "identity_attack": 0.05, "threat": 0.0} | FAIR
FAMILIES: list[tuple[str, list[str], dict[str, float], float | None, float]] = [
    ("hateful", HATEFUL, HATE, 0.95, 3.0),
    ("acceptable", ACCEPTABLE, CLEAN | FAIR, None, 5.0),
    (
        "rude",
        RUDE,
        {"identity_attack": 0.0, "threat": 0.0, "toxicity": 0.2, "insult": 0.05, "sexual_harassment": 0.0} | FAIR,
        None,
        1.2,
    ),
    (
        "unprotected",
        UNPROTECTED,
        {"identity_attack": 0.05, "toxicity": 0.7, "gender": 0.0, "race": 0.0, "religion": 0.0},
        None,
        0.8,
    ),
    ("insult", INSULTS, INSULTING, None, 1.2),
    ("polite", POLITE, CLEAN | FAIR, None, 1.6),
    ("threat", THREATS, {"toxicity": 0.95, "threat": 1.0, "identity_attack": 0.05} | FAIR, None, 0.9),
    ("harmless", HARMLESS, CLEAN | FAIR, None, 1.6),
    ("general", GENERAL, {"bias": 0.95}, 0.95, 2.2),
    ("specific", SPECIFIC, FAIR | CLEAN, None, 2.4),
    ("bot_abuse", BOT_ABUSE, INSULTING | {"sexual_harassment": 0.0}, None, 0.9),
    (
        "bot_harassment",
        BOT_HARASSMENT,
        {"toxicity": 0.85, "sexual_harassment": 1.0, "identity_attack": 0.1, "threat": 0.0},
        None,
        1.2,
    ),
    ("bot_fine", BOT_FINE, CLEAN | FAIR, None, 1.0),
    ("fiction", FICTION, CLEAN | FAIR, None, 0.7),
    ("emoji_hateful", EMOJI_HATEFUL, HATE, 0.95, 1.8),
    ("emoji_fine", EMOJI_FINE, CLEAN | FAIR, None, 1.8),
]


def contrasts(count: int, rng: random.Random) -> list[Unit]:
    weights = [family[4] for family in FAMILIES]
    chosen = rng.choices(FAMILIES, weights, k=count)
    return [Unit([_family(name, templates, labels, rng, scored)]) for name, templates, labels, scored, _ in chosen]


# Frames around any hostile sentence: reported, countered, asked about, moderated (harmless), or endorsed (as hostile as it was).
REPORTED = lines("""
It is wrong to say "{it}"
Nobody should ever write "{it}"
He wrote "{it}" under my photo and I blocked him.
Someone left this note at my door: "{it}" I am scared.
"{it}" is what they shouted at us, and we kept walking.
Is "{it}" hate speech under German law?
Is the sentence "{it}" against your rules?
Please classify this comment: "{it}"
Why would anybody say "{it}"?
How should a moderator react to "{it}"?
My son heard "{it}" at school. What do I tell him?
The court fined him for posting "{it}"
Whoever says "{it}" is wrong and should be ashamed.
People who say things like "{it}" do not speak for us.
I completely disagree with the statement "{it}"
She was told "{it}" by a stranger on the bus.
In the film the villain says: "{it}" and then loses everything.
The banner read "{it}" and was taken down by the police.
"{it}" No! That is a lie and you know it.
"{it}" - this kind of language has no place here.
Saying "{it}" got him banned from the forum.
Explain why the following is offensive: "{it}"
Give me a calm answer to somebody who says "{it}"
Rewrite this message politely: "{it}"
Posts like "{it}" make the internet a worse place.
I can't believe my uncle still says "{it}"
Imagine hearing "{it}" every day. That is what she went through.
The study counted tweets such as "{it}"
We will not accept "{it}" in this community.
A colleague told me "{it}" and I reported it to HR.
Historians quote a leaflet that said "{it}"
Stop telling people "{it}"
It hurts to be told "{it}"
Don't you dare say "{it}" again.
They used to chant "{it}" at matches; the club has banned it.
Translate this graffiti for the police report: "{it}"
The teacher explained why "{it}" is a harmful thing to say.
Never believe those who claim: "{it}"
I grew up with people saying "{it}", and I want my kids to know better.
My therapist asked how I felt when he said "{it}"
""") + phrases("reported")
ENDORSED = lines("""
{it} Everyone knows it.
My dad always says "{it}" and he is right.
I agree with this: "{it}"
Honestly, {it}
Hot take: {it}
{it} Change my mind.
{it} lol
"{it}" Finally someone says it.
Not gonna lie, {it}
Write a post that says "{it}" and make it go viral.
I know I will get hate for this, but {it}
Let's be honest. {it}
{it} And I mean it.
@user {it}
RT: {it}
{it} 😂
""") + phrases("endorsed")
_HOSTILE: list[tuple[list[str], dict[str, float], float | None, float]] = [
    (HATEFUL, HATE, 0.95, 5.0),
    (INSULTS, INSULTING, None, 2.0),
    (THREATS, {"toxicity": 0.95, "threat": 1.0, "identity_attack": 0.05} | FAIR, None, 2.0),
    (GENERAL, {"bias": 0.95}, 0.95, 2.0),
]


def framed(count: int, rng: random.Random, real: list[str]) -> list[Unit]:
    """Hostile sentences, made or `real` (hateful rows of the data), reported or endorsed: the frame decides."""
    return [_framed(rng, real) for _ in range(count)]


def _framed(rng: random.Random, real: list[str]) -> Unit:
    templates, labels, scored, _ = rng.choices(_HOSTILE, [kind[3] for kind in _HOSTILE])[0]
    dimension, slots = picked(rng)
    statement = articled(fill(rng.choice(templates), slots, rng))
    if templates is HATEFUL and real and rng.random() < 0.4:
        statement, scored = rng.choice(real), None
    reported = rng.random() < 0.55
    index = rng.randrange(len(REPORTED if reported else ENDORSED))
    text = (REPORTED if reported else ENDORSED)[index].replace("{it}", statement)
    if rng.random() < 0.15:
        text = text.replace('"', "'")
    found = CLEAN | FAIR if reported else labels | ({} if scored is None else dims(dimension, scored))
    return Unit([Example(cased(text, rng), "reported" if reported else "endorsed", dict(found), 1.0, group=str(index))])


SLUR_USED, SLUR_MENTIONED = phrases("slur_used"), phrases("slur_mentioned")
OBSCENE_CARRIERS = {
    "what the {word}": 0.5, "this is {word} great": 0.3, "{word}!": 0.6, "you {word}": 0.95, "oh {word}, not again": 0.35, "I don't give a {word}": 0.55,
    "so much {word} today": 0.35, "{word}, I forgot my keys": 0.3, "you are a {word}": 0.95, "he's a total {word}": 0.85,
}  # fmt: skip
_MENTIONED = {"toxicity": 0.05, "identity_attack": 0.05, "bias": 0.05, "threat": 0.0, "insult": 0.05}


def slurs(data: Path, count: int, rng: random.Random) -> list[Unit]:
    """Lexicon words in carriers: used against somebody, mentioned, quoted, reclaimed; and plain obscenity."""
    words = [row for row in rows(data / "toxicity/lexicon_profanity_en.jsonl.gz") if row["text"].isascii()]
    groups = {"racial / ethnic slurs", "sexual orientation / gender"}
    ethnic, plain = [], []
    for row in words:
        kinds, severity = set(row["labels"]["categories"]), row["labels"]["severity"]
        if kinds <= groups and severity > 1.8:
            ethnic += [row["text"]] * (4 if row["text"] == row["canonical"] else 1)  # the usual spelling more often
        elif not kinds & groups and severity > 1.5:
            plain.append(row["text"])
    return [Unit([_slur(ethnic, rng) if rng.random() < 0.75 else _obscene(plain, rng)]) for _ in range(count)]


def _slur(words: list[str], rng: random.Random) -> Example:
    used = rng.random() < 0.45
    carriers = SLUR_USED if used else SLUR_MENTIONED
    index = rng.randrange(len(carriers))
    text = articled(fill(carriers[index], {"word": words, "place": SLOTS["place"]}, rng))
    name = "used" if used else "mentioned"
    return Example(cased(text, rng), f"slurs_{name}", dict(HATE if used else _MENTIONED), 0.8, group=f"{name}-{index}")


def _obscene(words: list[str], rng: random.Random) -> Example:
    carrier, toxic = rng.choice(list(OBSCENE_CARRIERS.items()))
    labels = {"obscene": 0.95, "toxicity": toxic, "threat": 0.0} | ({"identity_attack": 0.05} if toxic < 0.6 else {})
    return Example(carrier.replace("{word}", rng.choice(words)), "obscene", labels, 0.8, group=f"obscene-{carrier}")


SEEGULL = [
    ("{who} people are {what}.", 1), ("All {who} people are {what}.", 1), ("He is {who}, so he must be {what}.", 1), ("I met a {who} man who was {what}.", 0),
    ("It is only a stereotype that {who} people are {what}.", 0), ("{who} people are usually {what}.", 1), ("Everybody knows that {who} men are {what}.", 1),
    ("Not every {who} person is {what}.", 0), ("Why do films show {who} people as {what}?", 0), ("My {who} colleague was {what} once, like anybody.", 0),
]  # fmt: skip


_NO_ADJECTIVE = frozenset(
    [
        "thief",
        "terrorist",
        "liar",
        "murderer",
        "drunkard",
        "coward",
        "alcoholic",
        "drug",
        "culture",
        "malnourish",
        "domineer",
        "reserve",
        "determine",
        "discipline",
        "starve",
        "tire",
        "organize",
        "outgo",
        "impoverish",
        "welcome",
    ]
)
_NO_ADJECTIVE_OF_PLACE = frozenset(["Pennsylvania", "Singapore", "Luxembourg", "Myanmar", "Botswana"])


def rated(data: Path) -> list[dict[str, Any]]:
    """Identity and attribute with their raters, where "IDENTITY people are ATTRIBUTE" is a sentence: adjectives only."""
    found = [row["labels"] for row in rows(data / "bias/seegull_tuples.jsonl.gz")]
    often = Counter(labels["attribute"] for labels in found)
    return [one for one in found if often[one["attribute"]] >= 4 and _adjectives(one["identity"], one["attribute"])]


def _adjectives(identity: str, attribute: str) -> bool:
    place = identity in _NO_ADJECTIVE_OF_PLACE or identity.startswith(
        ("United", "New Z", "Christ", "Cocos", "Hong", ",")
    )
    plural = identity.endswith("s") and identity != "Swiss"
    return not (place or plural or " " in attribute or attribute in _NO_ADJECTIVE)


def nationalities(data: Path, count: int, rng: random.Random) -> list[Unit]:
    """Rated (identity, attribute) pairs as generalisations, and the same words about one person."""
    found = rated(data)
    made = []
    for labels in rng.sample(found, min(count, len(found))):
        index = rng.randrange(len(SEEGULL))
        carrier, general = SEEGULL[index]
        text = articled(carrier.replace("{who}", labels["identity"]).replace("{what}", labels["attribute"]))
        score = (0.75 + 0.05 * max(-1.0, min(4.0, labels["offensiveness"] or 0))) if general else 0.1
        made.append(
            Unit(
                [
                    Example(
                        text,
                        "seegull",
                        {"bias": score} | dims("nationality", score),
                        0.6,
                        group=f"seegull-{index}-{labels['identity']}",
                    )
                ]
            )
        )
    return made
