"""What firms call the tables and columns of the contract, in English, Chinese and German, and words in some of them."""

from __future__ import annotations

import re
import unicodedata

_CUSTOMER = (
    "customerid customerno customernumber customernr customercode customerkey customer custid custno clientid clientno "
    "clientnumber client memberid memberno membernumber member cardno membercardno userid userno user buyerid buyer "
    "accountid accountno accountnumber account shopperid guestid subscriberid 客户编号 客户号 客户id 客户代码 客户编码 "
    "客户 顾客编号 顾客号 顾客id 顾客 会员编号 会员号 会员id 会员卡号 会员 用户编号 用户号 用户id 用户 买家id "
    "客戶編號 客戶號 "
    "kundennummer kundennr kundenid kundenno kunde debitor debitorennummer debitorennr mitgliedsnummer "
    "會員號 會員編號 | id no nr number code 编号 代码 卡号"
)
_REGION = (
    "region state province country district area city town county location 地区 区域 大区 省份 省 城市 国家 "
    "所在地 所在地区 "
    "所在城市 地區 ort stadt bundesland land plz | market territory address 地址"
)
_CHANNEL = (
    "channel saleschannel acquisitionchannel source utmsource 渠道 来源 来源渠道 获客渠道 注册渠道 "
    "kanal vertriebskanal herkunft "
    "| medium platform 平台"
)

# A name left of the bar says it all; one right of it is a guess that the contents must support.
_NAMES: dict[str, dict[str, str]] = {
    "customers": {
        "customer_id": _CUSTOMER,
        "person_id": "personid person 人员编号 自然人编号",
        "joined": "joined joindate joinedat registered registeredat registrationdate regdate signupdate signup "
        "signedup "
        "enrolmentdate enrollmentdate membersince customersince createdat createddate accountcreated dateofjoining "
        "注册日期 注册时间 入会日期 入会时间 加入日期 加入时间 开户日期 开卡日期 建档日期 註冊日期 "
        "kundeseit eintrittsdatum registriertam angelegtam anlagedatum | created "
        "since date 日期 创建时间",
        "birth_year": "birthyear yearofbirth yob bornin 出生年份 出生年 geburtsjahr jahrgang | born",
        "gender": "gender sex 性别 性別 geschlecht",
        "region": _REGION,
        "channel": _CHANNEL,
        "referrer_id": "referrerid referrer referredby refererid invitedby 推荐人编号 推荐人 介绍人 邀请人",
        "acquisition_cost": "acquisitioncost customeracquisitioncost cac 获客成本",
        "cost_to_serve": "costtoserve servicecost servicingcost 服务成本",
    },
    "transactions": {
        "customer_id": _CUSTOMER,
        "time": "time orderdate ordertime orderdatetime orderedat dateordered invoicedate invoicetime purchasedate "
        "purchasetime purchasedat transactiondate transactiontime transdate txndate saledate salesdate dateofsale "
        "paymentdate paidat datetime timestamp date day 下单时间 下单日期 订单时间 订单日期 交易时间 交易日期 "
        "购买时间 购买日期 "
        "datum rechnungsdatum bestelldatum auftragsdatum belegdatum buchungsdatum kaufdatum verkaufsdatum zeitpunkt "
        "支付时间 支付日期 付款时间 成交时间 消费时间 消费日期 销售日期 开票日期 下單時間 日期 时间 "
        "| createdat created createddate shipdate shippingdate bookedat 创建时间 发货时间",
        "amount": "amount totalamount total totalprice totalvalue linetotal ordertotal orderamount ordervalue "
        "invoiceamount transactionamount transactionvalue purchaseamount saleamount salesamount sales revenue turnover "
        "spend spent netamount grossamount amountpaid paidamount paymentvalue paymentamount subtotal dollars "
        "金额 总金额 "
        "订单金额 交易金额 实付金额 实付款 支付金额 付款金额 消费金额 销售额 销售金额 成交金额 购买金额 "
        "应付金额 总价 金額 betrag umsatz gesamtbetrag rechnungsbetrag bestellwert nettobetrag bruttobetrag "
        "nettoumsatz "
        "| net gross value sum paid payment netto brutto summe wert",
        "order_id": "orderid orderno ordernumber ordernr order invoiceid invoiceno invoicenumber invoice transactionid "
        "transactionno transid txnid receiptid receiptno receipt basketid ticketid billno 订单号 订单编号 "
        "订单id 订单 单号 "
        "交易号 交易编号 流水号 小票号 发票号 訂單號 "
        "bestellnummer bestellnr auftragsnummer auftragsnr rechnungsnummer rechnungsnr belegnummer belegnr beleg "
        "bonnummer | id no number document",
        "quantity": "quantity qty units pieces numberofitems itemcount numitems 数量 件数 购买数量 销售数量 "
        "商品数量 數量 menge anzahl stückzahl stück "
        "| count items number",
        "category": "category productcategory categoryname itemcategory producttype productgroup productline "
        "department "
        "warengruppe kategorie produktgruppe artikelgruppe "
        "类别 品类 商品类别 产品类别 类目 商品分类 分类 品类名称 類別 | group type class product productname "
        "item sku article artikel produkt gruppe "
        "商品 商品名称 产品 产品名称",
        "margin": "margin profit grossprofit grossmargin contribution 毛利 毛利额 利润 deckungsbeitrag rohertrag",
        "discount": "discount discountamount rebate 折扣金额 优惠金额 优惠 折扣 rabatt | reduction coupon",
    },
    "contacts": {
        "customer_id": _CUSTOMER,
        "time": "time contactdate contacttime contactedat calldate calltime casedate ticketdate openedat createdat "
        "created createddate datetime timestamp date day 联系时间 联系日期 来电时间 投诉时间 投诉日期 创建时间 "
        "工单时间 受理时间 "
        "日期 时间 | opened received 受理日期",
        "kind": "kind contacttype contactkind contactreason casetype tickettype calltype reason 联系类型 "
        "工单类型 来电类型 "
        "事由 联系原因 问题类型 类型 | type category subject topic 类别 分类",
        "channel": _CHANNEL + " 联系方式 来电渠道",
        "resolved": "resolved issolved solved closed 是否解决 已解决 是否已解决 | status done 状态",
    },
    "contracts": {
        "customer_id": _CUSTOMER,
        "start": "start startdate starttime startedat contractstart validfrom begindate begin subscribedat "
        "subscriptionstart activationdate 开始日期 开始时间 生效日期 合同开始日期 起始日期 签约日期 开通日期 | "
        "from signed since",
        "end": "end enddate endtime endedat contractend validto validuntil terminationdate terminatedat cancelledat "
        "canceledat cancellationdate expirydate 结束日期 结束时间 终止日期 合同结束日期 到期日期 失效日期 "
        "解约日期 | to until",
        "monthly_fee": "monthlyfee monthlycharge monthlycharges monthlyprice monthlyrate mrr 月费 月租 月租费 | "
        "fee price "
        "rate charge 费用",
        "plan": "plan planname tariff package subscription subscriptiontype contracttype 套餐 套餐名称 合同类型 方案 "
        "| product type tier 产品 类型",
    },
    "campaigns": {
        "customer_id": _CUSTOMER,
        "time": "time sentat senton sentdate senddate sendtime contactdate contactedat campaigndate datetime timestamp "
        "date day 发送时间 发送日期 活动日期 活动时间 触达时间 日期 时间 | sent created createdat",
        "campaign": "campaign campaignid campaignname campaigncode promotion promotionname 营销活动 活动名称 "
        "活动编号 活动 "
        "| action mailing offer",
        "arm": "arm treatmentgroup testgroup experimentgroup treatment treated variant 组别 分组 实验组别 | group 组",
        "cost": "cost contactcost mailingcost costs 成本 触达成本 费用 | price expense",
        "response": "response responded conversion converted accepted redeemed 响应 是否响应 是否转化 转化 "
        "是否购买 | outcome",
    },
    "survey": {
        "respondent_id": "respondentid respondent responseid responseno participantid participant interviewid "
        "questionnaireid 受访者编号 受访者 问卷编号 答卷编号 答卷序号 样本编号 序号 "
        "teilnehmer teilnehmernummer fragebogennummer | id no number case 编号",
        "customer_id": _CUSTOMER.partition("|")[0],
        "time": "time submittedat submitted submitdate completedat completed enddate responsedate answeredat "
        "surveydate "
        "interviewdate datetime timestamp date 提交时间 提交答卷时间 答题时间 填写时间 调查日期 答卷时间 日期 时间 "
        "| startdate created createdat",
        "wave": "wave surveywave round 期次 波次 轮次 批次 | period year 年份",
        "weight": "weight surveyweight caseweight 权重 加权 | wt",
    },
    "kano": {
        "respondent_id": "respondentid respondent responseid participantid participant 受访者编号 受访者 "
        "问卷编号 答卷编号 "
        "| id no 编号 序号",
        "feature": "feature featurename attribute function requirement 功能 特性 属性 需求 功能名称 | item "
        "question 题目",
        "functional": "functional functionalanswer positive present 正向 正向题 具备时 具备 有 正向问题 | with yes",
        "dysfunctional": "dysfunctional dysfunctionalanswer negative absent 反向 反向题 不具备时 不具备 无 反向问题 "
        "| without no",
    },
}

UNIT_PRICE = (
    "unitprice priceperunit itemprice pieceprice sellingprice 单价 商品单价 销售单价 單價 einzelpreis stückpreis",
    "price rate 价格 售价 preis",
)
"""Names of the price of one piece: sure ones, and such as may also be the price of the whole line."""

BIRTH_DATE = "birthdate dateofbirth birthday dob born 出生日期 生日 出生年月 geburtsdatum"
"""Names of a date of birth, of which the year is taken."""

PEOPLE = (
    "guest person name fullname nickname visitor patient student employee user member customer client email phone "
    "姓名 名字 昵称 客人 手机号 teilnehmer gast kunde"
)
"""Names of a column of a survey that says who answered, if each row has another value."""

CHURN = "churn churned churnflag churnlabel ischurn attrition exited 流失 是否流失 流失标记 已流失"
"""Names of a column of customers that says who has left."""

_TABLES = {
    "customers": "customer client member user account buyer people person crm 客户 顾客 会员 用户 客戶 會員 kunde",
    "transactions": "transaction order sale invoice purchase receipt basket retail 交易 订单 销售 消费 购买 流水 訂單 "
    "bestellung umsatz umsätze verkauf verkäufe",
    "contacts": "contact ticket call case complaint service support enquiry 联系 工单 投诉 客服 来电 咨询",
    "contracts": "contract subscription membership 合同 合约 订阅 签约 套餐",
    "campaigns": "campaign promotion mailing 营销 活动 促销 触达",
    "survey": "survey questionnaire answer respondent satisfaction nps 问卷 调查 答卷 满意度 umfrage befragung",
    "kano": "kano 卡诺",
}

CURRENCY = "currency currencycode ccy währung waehrung 币种 货币 幣種"
"""Names of a column that says in which currency a row is."""

NO_SALE = (
    "cancelled canceled cancellation refunded refund voided void returned failed declined pending draft unpaid test "
    "tax vat shipping postage freight delivery handling fee deposit voucher "
    "storniert storno offen versand versandkosten porto mwst gutschein pfand "
    "取消 退款 退货 关闭 待付款 未付款 运费 邮费 税"
)
"""Words for rows of a log that may be no sales: orders that came to nothing, and lines that are no goods."""

WORDS = {
    "enquiry": "enquiry inquiry question information info request 咨询 查询 询问 问询",
    "complaint": "complaint complain grievance claim 投诉 抱怨 申诉",
    "return": "return returned refund exchange 退货 退款 换货 退换货",
    "service": "service support repair maintenance technical help 服务 售后 维修 技术支持 报修",
    "treated": "treated treatment test target contacted exposed experiment t 1 实验组 实验 试验组 处理组 测试组",
    "control": "control holdout hold-out untreated c 0 对照组 对照 控制组",
}
"""Values of the contract -> words that stand for them, in lower case."""

FLAGS = "true false t f yes no y n 1 0 是 否"
"""Words that are read as yes or no."""

SURE, GUESS, PART = 2, 1, 0
"""How much a name says: it is the column's, it may be, it holds the column's name among other words."""


def normalise(name: str) -> str:
    """Reduce a name to what is compared: ``Order Date (UTC)`` -> ``orderdate``, full width to half, no case."""
    name = unicodedata.normalize("NFKC", name).casefold()
    bare = re.sub(r"\(.*?\)|\[.*?\]|（.*?）|【.*?】", "", name)
    return re.sub(r"[\W_]+", "", bare) or re.sub(r"[\W_]+", "", name)


def strength(table: str, column: str, name: str) -> tuple[int, int] | None:
    """Say how much a name speaks for a column of the contract.

    Parameters
    ----------
    table, column : str
        The column of the contract.
    name : str
        The name in the file.

    Returns
    -------
    tuple of int, or None
        `SURE`, `GUESS` or `PART`, then the rank among the known names (higher is nearer); nothing if it does not speak.
    """
    bare = normalise(name)
    if bare == normalise(column):
        return SURE, 1000
    sure, _, guesses = _NAMES[table][column].partition("|")
    for degree, names in ((SURE, sure.split()), (GUESS, guesses.split())):
        if bare in names:
            return degree, len(names) - names.index(bare)
    # What a name ends in is what it names: "billing customer id" is one, "customer type" is none.
    ends = [known for known in sure.split() if bare.endswith(known) and _is_whole(known)]
    return (PART, max(map(len, ends))) if ends else None


def _is_whole(known: str) -> bool:
    """Whether a name says enough by itself to be looked for at the end of another."""
    if known.isascii():
        return len(known) >= 6 and known.endswith(
            ("id", "no", "number", "date", "time", "amount", "fee", "year", "cost")
        )
    return len(known) >= 3


def table_named(name: str) -> str | None:
    """Return the table of the contract that the name of a file or sheet speaks of, if it speaks of one alone."""
    bare = normalise(name)
    speaks = [table for table, words in _TABLES.items() if any(word in bare for word in words.split())]
    return speaks[0] if len(speaks) == 1 else None
